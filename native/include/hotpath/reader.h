/* SPDX-License-Identifier: MIT */
/* Market-data files read whole: format told, decoded, sequenced, kept as books. Part of hotpath.h, which
 * includes it. */
#ifndef HOTPATH_READER_H
#define HOTPATH_READER_H

#include <stddef.h>
#include <stdint.h>

#endif
