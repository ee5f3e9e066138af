// SPDX-License-Identifier: MIT
/*
 * Bad frames on every receive path: runts, fragments, wrong checksums and lengths, VLAN tags. What arrives is
 * exactly what was good. What does not is counted: by the path where it sees frames, else by the kernel's
 * stack, which has judged for it.
 */
#include "paths.h"

#define IP  (FRAME_ETHERNET)
#define UDP (FRAME_ETHERNET + FRAME_IPV4)

/* ---- one fault each --------------------------------------------------------------------------- */

static uint32_t good(uint8_t *frame)
{
	return case_frame(frame, "payload", 7);
}

static uint32_t unsummed(uint8_t *frame)
{
	return build_frame(frame, 0);
}

static uint32_t padded(uint8_t *frame)
{
	uint32_t len = good(frame);

	memset(frame + len, 0xee, 40);
	return len + 40;
}

static uint32_t with_options(uint8_t *frame)
{
	return build_frame(frame, 40);
}

static uint32_t wrong_udp_sum(uint8_t *frame)
{
	uint32_t len = good(frame);

	frame[UDP + 6] ^= 1;
	return len;
}

static uint32_t wrong_ip_sum(uint8_t *frame)
{
	uint32_t len = good(frame);

	frame[IP + 8] ^= 1; /* another TTL: nobody would notice but for the sum */
	return len;
}

/* A UDP length of its own, everything else right. */
static uint32_t with_udp_length(uint8_t *frame, uint32_t udp_len)
{
	uint32_t len = unsummed(frame);

	put_u16(frame + UDP + 4, udp_len);
	return len;
}

static uint32_t udp_beyond_ip(uint8_t *frame)
{
	return with_udp_length(frame, FRAME_UDP + 8);
}

static uint32_t udp_below_itself(uint8_t *frame)
{
	return with_udp_length(frame, FRAME_UDP - 1);
}

static uint32_t udp_within_ip(uint8_t *frame)
{
	return with_udp_length(frame, FRAME_UDP + 3);
}

static uint32_t with_ip(uint8_t *frame, uint32_t at, uint8_t value)
{
	uint32_t len = unsummed(frame);

	frame[IP + at] = value;
	sign_header(frame + IP);
	return len;
}

static uint32_t ip_beyond_frame(uint8_t *frame)
{
	return with_ip(frame, 3, FRAME_IPV4 + FRAME_UDP + 8);
}

static uint32_t ip_below_udp(uint8_t *frame)
{
	return with_ip(frame, 3, FRAME_IPV4 + 4);
}

static uint32_t other_version(uint8_t *frame)
{
	return with_ip(frame, 0, 0x65);
}

static uint32_t short_header(uint8_t *frame)
{
	return with_ip(frame, 0, 0x44);
}

static uint32_t first_fragment(uint8_t *frame)
{
	return with_ip(frame, 6, 0x20);
}

static uint32_t later_fragment(uint8_t *frame)
{
	return with_ip(frame, 7, 9);
}

static uint32_t cut_in_udp(uint8_t *frame)
{
	unsummed(frame);
	return UDP + 3;
}

static uint32_t cut_in_payload(uint8_t *frame)
{
	return good(frame) - 1;
}

static uint32_t cut_in_ip(uint8_t *frame)
{
	unsummed(frame);
	return IP + 12;
}

static uint32_t ethernet_alone(uint8_t *frame)
{
	unsummed(frame);
	return IP;
}

static uint32_t tagged(uint8_t *frame, const uint8_t *tags, uint32_t bytes)
{
	uint32_t len = good(frame);

	memmove(frame + 12 + bytes, frame + 12, len - 12);
	memcpy(frame + 12, tags, bytes);
	return len + bytes;
}

static uint32_t priority_tag(uint8_t *frame)
{
	return tagged(frame, (const uint8_t[]){0x81, 0, 0xa0, 0}, 4);
}

static uint32_t vlan_tag(uint8_t *frame)
{
	return tagged(frame, (const uint8_t[]){0x81, 0, 0, 77}, 4);
}

static uint32_t service_tag(uint8_t *frame)
{
	return tagged(frame, (const uint8_t[]){0x88, 0xa8, 0, 7}, 4);
}

static uint32_t two_tags(uint8_t *frame)
{
	return tagged(frame, (const uint8_t[]){0x88, 0xa8, 0, 7, 0x81, 0, 0, 77}, 8);
}

static uint32_t tag_alone(uint8_t *frame)
{
	tagged(frame, (const uint8_t[]){0x81, 0, 0, 77}, 4);
	return 12 + 4 + 2;
}

static uint32_t other_port(uint8_t *frame)
{
	uint32_t len = unsummed(frame);

	put_u16(frame + UDP + 2, WIRE_PORT + 1);
	return len;
}

static uint32_t other_group(uint8_t *frame)
{
	return with_ip(frame, 19, 2);
}

static uint32_t tcp(uint8_t *frame)
{
	return with_ip(frame, 9, IPPROTO_TCP);
}

#define COUNTER(name) offsetof(struct hp_rx_stats, name)
#define NONE	      0 /* delivered, or nobody's */
#define NOBODYS	      1 /* too short for an address: nobody's; a TAP's wire has nobody else, and it counts */

/*
 * What comes of each where the path sees frames (payload, counter), and where the kernel judges (payload, the
 * counter of its stack: the last word of table, group, name).
 *
 * They differ in one thing: the kernel drops a tag of a VLAN that nobody made, and a frame path takes it off.
 */
static const struct fault {
	const char *what;
	uint32_t (*build)(uint8_t *frame);
	const char *seen;
	size_t counter;
	const char *received;
	const char *kernel[3];
} faults[] = {
	{"good", good, "payload", NONE, "payload", {"snmp", "Ip:", "InDelivers"}},
	{"no UDP checksum", unsummed, "payload", NONE, "payload", {0}},
	{"padded", padded, "payload", NONE, "payload", {0}},
	{"with IP options", with_options, "payload", NONE, "payload", {0}},
	{"UDP length within the packet", udp_within_ip, "pay", NONE, "pay", {0}},
	{"wrong UDP checksum",
	 wrong_udp_sum,
	 NULL,
	 COUNTER(bad_checksum),
	 NULL,
	 {"snmp", "Udp:", "InCsumErrors"}},
	{"wrong IP checksum",
	 wrong_ip_sum,
	 NULL,
	 COUNTER(bad_checksum),
	 NULL,
	 {"netstat", "IpExt:", "InCsumErrors"}},
	{"UDP length beyond the packet",
	 udp_beyond_ip,
	 NULL,
	 COUNTER(malformed),
	 NULL,
	 {"snmp", "Udp:", "InErrors"}},
	{"UDP length below its header",
	 udp_below_itself,
	 NULL,
	 COUNTER(malformed),
	 NULL,
	 {"snmp", "Udp:", "InErrors"}},
	{"IP length beyond the frame",
	 ip_beyond_frame,
	 NULL,
	 COUNTER(malformed),
	 NULL,
	 {"netstat", "IpExt:", "InTruncatedPkts"}},
	{"IP length below UDP's header",
	 ip_below_udp,
	 NULL,
	 COUNTER(malformed),
	 NULL,
	 {"snmp", "Udp:", "InErrors"}},
	{"IP version 6", other_version, NULL, COUNTER(malformed), NULL, {"snmp", "Ip:", "InHdrErrors"}},
	{"IP header of four words",
	 short_header,
	 NULL,
	 COUNTER(malformed),
	 NULL,
	 {"snmp", "Ip:", "InHdrErrors"}},
	{"first fragment", first_fragment, NULL, COUNTER(fragments), NULL, {"snmp", "Ip:", "ReasmReqds"}},
	{"later fragment", later_fragment, NULL, COUNTER(fragments), NULL, {"snmp", "Ip:", "ReasmReqds"}},
	{"cut in the payload",
	 cut_in_payload,
	 NULL,
	 COUNTER(malformed),
	 NULL,
	 {"netstat", "IpExt:", "InTruncatedPkts"}},
	{"cut in the UDP header",
	 cut_in_udp,
	 NULL,
	 COUNTER(malformed),
	 NULL,
	 {"netstat", "IpExt:", "InTruncatedPkts"}},
	{"cut in the IP header", cut_in_ip, NULL, NOBODYS, NULL, {"snmp", "Ip:", "InHdrErrors"}},
	{"an Ethernet header alone", ethernet_alone, NULL, NOBODYS, NULL, {0}},
	{"priority tag", priority_tag, "payload", COUNTER(tagged), "payload", {0}},
	{"802.1Q tag", vlan_tag, "payload", COUNTER(tagged), NULL, {0}},
	{"802.1ad tag", service_tag, "payload", COUNTER(tagged), NULL, {0}},
	{"802.1ad and 802.1Q tag", two_tags, "payload", COUNTER(tagged), NULL, {0}},
	{"a tag and nothing behind", tag_alone, NULL, NOBODYS, NULL, {0}},
	{"another port", other_port, NULL, NONE, NULL, {0}},
	{"another group", other_group, NULL, NONE, NULL, {0}},
	{"TCP", tcp, NULL, NONE, NULL, {0}},
};

static double counted_by_kernel(const struct fault *fault)
{
	return fault->kernel[0] ? kernel_count(fault->kernel[0], fault->kernel[1], fault->kernel[2]) : 0;
}

/* All a path may count of frames it was shown. */
static double counted(void)
{
	return path_stats.malformed + path_stats.fragments + path_stats.bad_checksum + path_stats.tagged;
}

/* What is handed out until the good frame that was sent last: it alone, or `payload` before it. */
static void expect_before_last(struct rx *rx, const char *payload)
{
	const char *wanted[] = {payload ? payload : "last", "last"};
	struct rx_datagram got[RX_BATCH];
	int next = 0, all = payload ? 2 : 1;

	while (next < all) {
		int count = path_poll(rx, got);

		CHECK(count > 0 && count <= all - next);
		for (int i = 0; i < count; i++, next++) {
			CHECK_EQ(got[i].len, strlen(wanted[next]));
			CHECK(!memcmp(got[i].data, wanted[next], got[i].len));
		}
		rx->ops->release(rx);
	}
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
}

static size_t counter_of(const struct fault *fault)
{
	if (fault->counter != NOBODYS)
		return fault->counter;
	return path_ops == &rx_tap ? COUNTER(malformed) : NONE;
}

static void each_fault_ends_where_it_should(void)
{
	struct rx *rx = case_open();
	int fd = case_sender();
	uint8_t frame[256], last[128];
	uint32_t last_len = case_frame(last, "last", 4);

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		const struct fault *fault = &faults[i];
		double before = counted_by_kernel(fault), all = counted();
		size_t at = counter_of(fault);
		const double *counter = (const double *)((const char *)&path_stats + at);
		double own = *counter;

		printf("   %s\n", fault->what);
		case_send(fd, frame, fault->build(frame));
		case_send(fd, last, last_len);
		expect_before_last(rx, path_case->sees_frames ? fault->seen : fault->received);
		rx->ops->refresh(rx);
		if (path_case->sees_frames) {
			CHECK_EQ(counted() - all, at != NONE);
			CHECK(at == NONE || *counter - own == 1);
		} else {
			CHECK_EQ(counted(), 0);
			CHECK(!fault->kernel[0] || counted_by_kernel(fault) > before);
		}
		CHECK_EQ(path_stats.dropped, 0);
	}
	close(fd);
	rx->ops->close(rx);
}

int main(void)
{
	wire_up();
	RUN_ON_EVERY_PATH(each_fault_ends_where_it_should);
	return 0;
}
