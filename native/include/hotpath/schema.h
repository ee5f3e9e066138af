/* SPDX-License-Identifier: MIT */
/* Feeds described by a schema instead of code. Part of hotpath.h, which includes it. */
#ifndef HOTPATH_SCHEMA_H
#define HOTPATH_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

#endif
