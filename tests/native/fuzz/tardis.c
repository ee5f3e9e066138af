/* SPDX-License-Identifier: MIT */
/* Any bytes as a Tardis file: it loads, on the scale, or is refused. */
#include <stdint.h>
#include <string.h>

#include "file.h"
#include "lab/tape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hp_tape *tape = hp_tape_load(fuzz_file(data, size), 5);
	struct hp_tape_info info;
	double row[3];

	if (!tape)
		return 0;
	CHECK(hp_tape_info(tape, &info) == 0);
	for (double i = 0; i < info.records; i++) {
		CHECK(hp_tape_read(tape, i, 1, row) == 1);
		CHECK(row[0] > 0 && row[0] <= 0x1p53 && row[1] >= 0 && row[1] <= 0x1p31);
	}
	hp_tape_close(tape);
	return 0;
}
