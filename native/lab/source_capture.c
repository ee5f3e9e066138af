// SPDX-License-Identifier: MIT
/*
 * A capture's payloads, found once at open: sending them costs a copy each and no look at a header. Every
 * flow of the file is taken, in the file's order; what is no whole UDP datagram (another protocol, a
 * fragment, a packet cut short by the recorder) is counted and left out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lab/source.h"
#include "measure/error.h"
#include "rx/dissect.h"

static int is_whole(const struct capture_packet *packet, struct dissected *found)
{
	return capture_datagram(packet, found) == DISSECT_OURS && found->len && found->there == found->len;
}

static int append(struct source *source, const struct dissected *found)
{
	if (!(source->count & (source->count - 1))) { /* 0 or a power of two: full */
		size_t room = source->count ? source->count * 2 : 1;
		struct source_payload *payloads = realloc(source->payloads, room * sizeof(*payloads));

		if (!payloads)
			return fail(ENOMEM, "Cannot hold the payloads of \"%s\": out of memory",
				    source->capture->path);
		source->payloads = payloads;
	}
	source->payloads[source->count++] = (struct source_payload){found->payload, found->len};
	if (found->len > source->largest)
		source->largest = found->len;
	return 0;
}

static int find_payloads(struct source *source, double *skipped)
{
	struct capture_packet packet;
	struct dissected found;
	int code;

	source->largest = 0;
	while ((code = capture_next(source->capture, &packet)) > 0) {
		if (!is_whole(&packet, &found))
			*skipped += 1;
		else if ((code = append(source, &found)))
			return code;
	}
	if (!code && !source->count)
		return fail(ENODATA, "Cannot send \"%s\": there is no UDP datagram in it",
			    source->capture->path);
	return code;
}

int source_load(struct source *source, const char *path, double *skipped)
{
	int code;

	source->capture = calloc(1, sizeof(*source->capture));
	if (!source->capture)
		return fail(ENOMEM, "Cannot open \"%s\": out of memory", path);
	code = capture_open(source->capture, path);
	if (code) {
		free(source->capture);
		source->capture = NULL;
		return code;
	}
	return find_payloads(source, skipped);
}

void source_unload(struct source *source)
{
	if (!source->capture)
		return;
	capture_close(source->capture);
	free(source->capture);
	free(source->payloads);
	source->capture = NULL;
	source->payloads = NULL;
}
