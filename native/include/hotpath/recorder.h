/* SPDX-License-Identifier: MIT */
/* Captures written while a feed receives. Part of hotpath.h, which includes it. */
#ifndef HOTPATH_RECORDER_H
#define HOTPATH_RECORDER_H

#include <stddef.h>
#include <stdint.h>

#endif
