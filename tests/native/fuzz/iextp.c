/* SPDX-License-Identifier: MIT */
/* DEEP over IEX-TP, on two lines: see stream.h. */
#include "stream.h"

#include "feed/iex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_stream(&framing_iextp, deep_open, data, size);
}
