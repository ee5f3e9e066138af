/* SPDX-License-Identifier: MIT */
/* IEX DEEP 1.0 and TOPS 1.6: messages of a run with little-endian lengths. Prices x 1e4, quantities x 1. */
#ifndef HP_IEX_H
#define HP_IEX_H

#include "feed/decoder.h"

#define IEX_PRICE_SCALE 1e4
#define IEX_LENGTH_MAX	80 /* of a message */

/* Each opens a decoder; report and symbols stay the caller's and outlive it. 0 and *out, or fail(ENOMEM,
 * ...).
 */
int deep_open(struct decoder **out, struct hp_report *report, struct symbols *symbols);
int tops_open(struct decoder **out, struct hp_report *report, struct symbols *symbols);

#endif
