/* SPDX-License-Identifier: MIT */
/* ITCH 5.0: see decode.h. */
#include "decode.h"
#include "feed/itch50.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_decoder(itch50_open, data, size);
}
