/* SPDX-License-Identifier: MIT */
/*
 * What of the histogram is not inline: emptying it, and the door for callers outside this library. Counts are
 * 32-bit to keep a histogram within 9 KB (eight of them sit in the control page): a bucket wraps after 4e9
 * values, which the double `count` does not.
 */
#include <errno.h>
#include <string.h>

#include "measure/error.h"
#include "measure/histogram.h"

void histogram_reset(struct hp_histogram *histogram)
{
	memset(histogram, 0, sizeof(*histogram));
}

HP_API int32_t hp_histogram_record(struct hp_histogram *histogram, double ns)
{
	if (!histogram)
		return fail(EINVAL, "Cannot record in a histogram: no histogram was given");
	/* Written so that NaN fails it; from 2^63 on the conversion below would be undefined. */
	if (!(ns >= 0 && ns < 0x1p63))
		return fail(EINVAL, "Cannot record %g ns in a histogram: it takes durations of 0 to 2^63 ns",
			    ns);
	histogram_record(histogram, (uint64_t)ns);
	return 0;
}
