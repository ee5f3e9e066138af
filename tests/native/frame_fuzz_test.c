// SPDX-License-Identifier: MIT
/*
 * Thousands of good frames with something made wrong, on every receive path: what arrives is exactly the good
 * ones, byte for byte and in order, and nothing is lost track of. The mutations are the same in every run.
 */
#include "paths.h"

#define IP	(FRAME_ETHERNET)
#define UDP	(FRAME_ETHERNET + FRAME_IPV4)
#define BATCHES 300
#define BATCH	16 /* frames, and a good one after them */
#define PAYLOAD 40
#define ROOM	256

static uint64_t seed;
static uint32_t number; /* of the next frame: its payload begins with it */

static uint32_t below(uint32_t limit)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 33) % limit;
}

static void fill_payload(uint8_t *payload, uint32_t of)
{
	memcpy(payload, &of, sizeof(of));
	for (uint32_t i = sizeof(of); i < PAYLOAD; i++)
		payload[i] = (uint8_t)(of * 31 + i * 7);
}

/* ---- what is made wrong ----------------------------------------------------------------------- */

/* What makes a frame ours: changed, it is another's, and nobody's to count. */
static int is_identity(uint32_t at)
{
	return at <= IP || at == IP + 9 || (at >= IP + 16 && at < IP + 20) || (at >= UDP + 2 && at < UDP + 4);
}

/* Changes up to eight bytes, by a bit or altogether. */
static void change(uint8_t *frame, uint32_t len, int ours)
{
	int bits = below(2) == 0;

	for (uint32_t left = 1 + below(8); left; left--) {
		uint32_t at = below(len);

		if (ours && is_identity(at))
			continue;
		frame[at] = (uint8_t)(bits ? frame[at] ^ 1u << below(8) : below(256));
	}
}

/* Makes something wrong, or seem so. `ours`: the flow can still be told. The new length. */
static uint32_t mutate(uint8_t *frame, uint32_t len, int ours)
{
	uint32_t least = ours ? IP + FRAME_IPV4 : IP;

	switch (below(8)) {
	case 0: /* nothing */
		return len;
	case 1: /* cut */
		return least + below(len - least);
	case 2: /* padded */
		for (uint32_t at = len; at < len + 64; at++)
			frame[at] = (uint8_t)below(256);
		return len + below(64);
	case 3: /* an end that is not its own */
		change(frame, len, ours);
		return least + below(ROOM - least);
	default:
		change(frame, len, ours);
		return len;
	}
}

/* ---- what is right: every length and both sums, by the book ----------------------------------- */

static int udp_is_sound(const uint8_t *ip, const uint8_t *udp, uint32_t room)
{
	uint8_t pseudo[12] = {0};
	uint32_t len = (uint32_t)udp[4] << 8 | udp[5];

	if (len < 8 || len > room || ((uint32_t)udp[2] << 8 | udp[3]) != WIRE_PORT)
		return 0;
	if (!udp[6] && !udp[7])
		return 1;
	memcpy(pseudo, ip + 12, 8);
	pseudo[9] = 17;
	put_u16(pseudo + 10, len);
	return !book_checksum((uint16_t)~book_checksum(0, pseudo, 12), udp, len);
}

/* The payload of a datagram to us and its length, or NULL. Whom the Ethernet header names is not looked at.
 */
static const uint8_t *find_sound(const uint8_t *frame, uint32_t len, uint32_t *payload_len)
{
	const uint8_t *ip = frame + IP, *end = frame + len, *udp;
	uint32_t header, total;

	while (ip + 4 <= end && (!memcmp(ip - 2, "\x81\x00", 2) || !memcmp(ip - 2, "\x88\xa8", 2)))
		ip += 4;
	if (ip + 20 > end || memcmp(ip - 2, "\x08\x00", 2) || ip[0] >> 4 != 4 || ip[9] != 17)
		return NULL;
	if (memcmp(ip + 16, "\xef\xff\x00\x01", 4)) /* WIRE_GROUP */
		return NULL;
	header = (ip[0] & 15u) * 4;
	total = (uint32_t)ip[2] << 8 | ip[3];
	if (header < 20 || total < header + 8 || ip + total > end || ip[6] & 0x3f || ip[7])
		return NULL;
	udp = ip + header;
	if (book_checksum(0, ip, header) || !udp_is_sound(ip, udp, total - header))
		return NULL;
	*payload_len = ((uint32_t)udp[4] << 8 | udp[5]) - 8;
	return udp + 8;
}

/* ---- sending and receiving -------------------------------------------------------------------- */

static uint32_t sent, due[BATCH + 1], dues; /* frames sent; numbers that must arrive of this batch */

/* 1: sent. 0: something was changed that no checksum can see, and anybody would take for good. */
static int send_mutated(int fd, int ours)
{
	uint8_t frame[ROOM + 64] = {0}, payload[PAYLOAD];
	uint32_t len, found_len;
	const uint8_t *found;

	fill_payload(payload, number);
	len = mutate(frame, case_frame(frame, payload, PAYLOAD), ours);
	found = find_sound(frame, len, &found_len);
	if (found && (found_len != PAYLOAD || memcmp(found, payload, PAYLOAD)))
		return 0;
	case_send(fd, frame, len);
	if (found)
		due[dues++] = number;
	sent++;
	number++;
	return 1;
}

static void send_good(int fd)
{
	uint8_t frame[128], payload[PAYLOAD];

	fill_payload(payload, number);
	case_send(fd, frame, case_frame(frame, payload, PAYLOAD));
	due[dues++] = number++;
	sent++;
}

/* Exactly what is due, until the good one at the end. `some`: others may be missing, that one not. */
static void receive_due(struct rx *rx, int some)
{
	struct rx_datagram got[RX_BATCH];
	uint8_t payload[PAYLOAD];
	uint32_t next = 0;

	while (next < dues) {
		int count = path_poll(rx, got);

		CHECK(count > 0);
		for (int i = 0; i < count; i++) {
			uint32_t of;

			CHECK_EQ(got[i].len, PAYLOAD);
			memcpy(&of, got[i].data, sizeof(of));
			while (some && next < dues && due[next] != of)
				next++;
			CHECK(next < dues && due[next] == of);
			fill_payload(payload, of);
			CHECK(!memcmp(got[i].data, payload, PAYLOAD));
			next++;
		}
		rx->ops->release(rx);
	}
	dues = 0;
}

static void play(struct rx *rx, int fd, int ours, int some)
{
	seed = 0x9e3779b97f4a7c15u;
	sent = number = 0;
	for (int batch = 0; batch < BATCHES; batch++) {
		for (int i = 0; i < BATCH;)
			i += send_mutated(fd, ours);
		send_good(fd);
		receive_due(rx, some);
	}
	rx->ops->refresh(rx);
	CHECK_EQ(path_stats.dropped, 0);
}

/* What the stack of namespace b has refused so far, or kept to put together. */
static double refused_by_kernel(void)
{
	return kernel_count("snmp", "Ip:", "InHdrErrors") + kernel_count("snmp", "Udp:", "InErrors") +
	       kernel_count("snmp", "Ip:", "ReasmReqds") +
	       kernel_count("netstat", "IpExt:", "InTruncatedPkts");
}

/* As long as a frame can be told to be ours, it ends in exactly one counter: the path's, or the kernel's. */
static void every_frame_of_ours_is_accounted_for(void)
{
	struct rx *rx = case_open();
	int fd = case_sender();
	double before = refused_by_kernel(), refused;

	play(rx, fd, 1, 0);
	refused = path_case->sees_frames
			  ? path_stats.malformed + path_stats.fragments + path_stats.bad_checksum
			  : refused_by_kernel() - before;
	CHECK(path_stats.datagrams > BATCHES && refused > BATCHES);
	CHECK_EQ(path_stats.datagrams + refused, sent);
	close(fd);
	rx->ops->close(rx);
}

/*
 * Everything may be changed, the flow as well. The kernel looks at the Ethernet address, too: what is sound
 * and addressed to another host there is no more than allowed.
 */
static void nothing_wrong_is_ever_delivered(void)
{
	struct rx *rx = case_open();
	int fd = case_sender();

	play(rx, fd, 0, !path_case->sees_frames);
	CHECK(path_stats.datagrams > BATCHES);
	close(fd);
	rx->ops->close(rx);
}

int main(void)
{
	wire_up();
	RUN_ON_EVERY_PATH(every_frame_of_ours_is_accounted_for);
	RUN_ON_EVERY_PATH(nothing_wrong_is_ever_delivered);
	return 0;
}
