/* SPDX-License-Identifier: MIT */
/* ITCH 5.0 over MoldUDP64, on two lines: see stream.h. */
#include "stream.h"

#include "feed/itch50.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_stream(&framing_moldudp64, itch50_open, data, size);
}
