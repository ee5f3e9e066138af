/* SPDX-License-Identifier: MIT */
/* The lab's publisher of market data: ITCH 5.0 as MoldUDP64 on two lines with faults, a re-request server,
 * snapshots. Part of hotpath.h, which includes it. */
#ifndef HOTPATH_PUBLISHER_H
#define HOTPATH_PUBLISHER_H

#include <stddef.h>
#include <stdint.h>

#endif
