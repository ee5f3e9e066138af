/* SPDX-License-Identifier: MIT */
/* IEX DEEP: see decode.h. */
#include "decode.h"
#include "feed/iex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_decoder(deep_open, data, size);
}
