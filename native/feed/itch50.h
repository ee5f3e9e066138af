/* SPDX-License-Identifier: MIT */
/* NASDAQ TotalView-ITCH 5.0: messages of a run with big-endian lengths. Prices x 1e4, quantities x 1. */
#ifndef HP_ITCH50_H
#define HP_ITCH50_H

#include "feed/decoder.h"

#define ITCH50_PRICE_SCALE 1e4
#define ITCH50_PRICE_MAX   2000000000u /* 200,000.0000, the specification's own bound */
#define ITCH50_LENGTH_MAX  50	       /* of a message */

/* Opens a decoder; report and symbols stay the caller's and outlive it. 0 and *out, or fail(ENOMEM, ...). */
int itch50_open(struct decoder **out, struct hp_report *report, struct symbols *symbols);
/* Bytes of a message of this type, 0: ITCH 5.0 has no such type. */
uint32_t itch50_length(uint8_t type);

#endif
