/* SPDX-License-Identifier: MIT */
/*
 * What a capture has to offer: its UDP flows. Whoever wants to play one must know the address and port it was
 * sent to, and seldom does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "capture.h"
#include "dissect.h"
#include "hotpath.h"
#include "measure/error.h"

#define FLOWS 4096 /* further ones are not told apart: a capture of so many is no feed's */

struct flow {
	uint32_t ip; /* network byte order, both */
	uint16_t port;
	struct hp_capture_flow told;
};

struct flows {
	struct flow flow[FLOWS];
	uint32_t count;
};

static struct flow *find(struct flows *flows, uint32_t ip, uint16_t port)
{
	for (uint32_t i = 0; i < flows->count; i++)
		if (flows->flow[i].ip == ip && flows->flow[i].port == port)
			return &flows->flow[i];
	if (flows->count == FLOWS)
		return NULL;
	flows->flow[flows->count] = (struct flow){.ip = ip, .port = port};
	return &flows->flow[flows->count++];
}

static void note(struct flow *flow, const struct capture_packet *packet, const struct dissected *found)
{
	struct hp_capture_flow *told = &flow->told;
	double ms = (double)packet->stamp_ns / 1e6;

	if (!told->datagrams) {
		uint32_t sample = found->there < sizeof(told->sample) ? found->there : sizeof(told->sample);

		inet_ntop(AF_INET, &flow->ip, told->address, sizeof(told->address));
		told->port = ntohs(flow->port);
		told->sample_len = found->len;
		memcpy(told->sample, found->payload, sample);
		told->first_ms = ms;
	}
	told->datagrams += 1;
	told->payload_bytes += found->len;
	told->last_ms = ms;
}

static void take(struct flows *flows, const struct capture_packet *packet)
{
	struct dissected found;
	struct flow *flow;

	if (capture_datagram(packet, &found) != DISSECT_OURS)
		return;
	flow = find(flows, found.ip, found.port);
	if (flow)
		note(flow, packet, &found);
}

static int by_datagrams(const void *a, const void *b)
{
	const struct flow *one = a, *other = b;

	return (one->told.datagrams < other->told.datagrams) - (one->told.datagrams > other->told.datagrams);
}

HP_API int32_t hp_capture_flows(const char *path, struct hp_capture_flow *out, int32_t max)
{
	struct capture capture;
	struct capture_packet packet;
	struct flows *flows;
	int32_t count;
	int error;

	if (!path || !out || max < 1)
		return fail(EINVAL,
			    "Cannot list a capture's flows: a file and room for one at least are needed");
	error = capture_open(&capture, path);
	if (error)
		return error;
	flows = calloc(1, sizeof(*flows));
	if (!flows) {
		capture_close(&capture);
		return fail(ENOMEM, "Cannot list the flows of \"%s\": out of memory", path);
	}
	while (capture_next(&capture, &packet) > 0)
		take(flows, &packet);
	qsort(flows->flow, flows->count, sizeof(flows->flow[0]), by_datagrams);
	count = (int32_t)flows->count;
	for (int32_t i = 0; i < count && i < max; i++)
		out[i] = flows->flow[i].told;
	free(flows);
	capture_close(&capture);
	return count;
}
