/* SPDX-License-Identifier: MIT */
/* Any bytes as a capture file, pcap, pcapng or packed: packets lie within it, and the end is an end or a
 * fault.
 */
#include <errno.h>
#include <stdint.h>

#include "file.h"
#include "rx/capture.h"
#include "rx/dissect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct capture capture;
	struct capture_packet packet;
	int result;

	if (capture_open(&capture, fuzz_file(data, size)))
		return 0;
	while ((result = capture_next(&capture, &packet)) == 1) {
		struct dissected found = {0};
		int what = capture_dissect(&packet, &found, htonl(0xefff0001), htons(12345));

		CHECK(packet.captured <= packet.length);
		CHECK(packet.data >= capture.bytes &&
		      packet.data + packet.captured <= capture.bytes + capture.size);
		if (what == DISSECT_OURS)
			CHECK(found.there <= found.len && found.payload >= packet.data &&
			      found.payload + found.there <= packet.data + packet.captured);
	}
	CHECK(result == 0 || result == -EBADMSG);
	capture_close(&capture);
	return 0;
}
