/* SPDX-License-Identifier: MIT */
/* Books for any processor. */
#define BOOKS_APPLY apply_plain
#include "book/books_messages.h"
