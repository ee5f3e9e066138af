/* SPDX-License-Identifier: MIT */
/* For paths that see Ethernet frames: frames built by hand and sent as they are, and what a plain program
 * would receive beside the path. */
#ifndef HP_FRAMES_H
#define HP_FRAMES_H

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#include "conform.h"
#include "rx/frame.h"

#define FRAME_HEADERS (FRAME_ETHERNET + FRAME_IPV4 + FRAME_UDP)

/* What a plain program would have: a socket in namespace b on the address. */
static inline int plain_socket(const char *ip, int port)
{
	int before = netns_enter(wire_b), fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1;
	struct sockaddr_in address = wire_address(ip, port);
	struct timeval second = {.tv_sec = 1};
	struct ip_mreqn group = {.imr_multiaddr = address.sin_addr, .imr_ifindex = (int)if_nametoindex("vb")};

	CHECK(before >= 0 && fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	CHECK_EQ(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	if (IN_MULTICAST(ntohl(address.sin_addr.s_addr)))
		CHECK_EQ(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)), 0);
	netns_leave(before);
	return fd;
}

static inline void arrives(int fd, const char *data)
{
	char got[4096];

	CHECK_EQ(recv(fd, got, sizeof(got), 0), (ssize_t)strlen(data));
	CHECK(!memcmp(got, data, strlen(data)));
}

/* The checksum of RFC 1071 over `len` bytes, after `sum`; byte by byte, by the book. */
static inline uint16_t book_checksum(uint32_t sum, const uint8_t *bytes, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i & 1 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static inline void put_u16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* Makes the IPv4 header's checksum right again. */
static inline void sign_header(uint8_t *ip)
{
	put_u16(ip + 10, 0);
	put_u16(ip + 10, book_checksum(0, ip, (ip[0] & 15u) * 4));
}

/* A frame to the granted flow, `options` bytes of IP options, payload "payload". Its length. */
static inline uint32_t build_frame(uint8_t *frame, uint32_t options)
{
	static const uint8_t ethernet[] = {1, 0, 0x5e, 0x7f, 0, 1, 2, 0, 0, 0, 0, 1, 8, 0};
	uint8_t *ip = frame + sizeof(ethernet), *udp = ip + FRAME_IPV4 + options;
	struct in_addr from = wire_address(WIRE_HERE, 1).sin_addr, to = wire_address(WIRE_GROUP, 1).sin_addr;
	uint16_t total = htons((uint16_t)(FRAME_IPV4 + options + FRAME_UDP + 7));
	uint16_t port = htons(WIRE_PORT), len = htons(FRAME_UDP + 7);

	memset(frame, 0, 128);
	memcpy(frame, ethernet, sizeof(ethernet));
	ip[0] = (uint8_t)(0x40 | (FRAME_IPV4 + options) / 4);
	memcpy(ip + 2, &total, 2);
	ip[8] = 4;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, &from, 4);
	memcpy(ip + 16, &to, 4);
	memset(ip + FRAME_IPV4, 1, options); /* no-operation */
	memcpy(udp, &port, 2);
	memcpy(udp + 2, &port, 2);
	memcpy(udp + 4, &len, 2);
	memcpy(udp + FRAME_UDP, "payload", 7);
	sign_header(ip);
	return FRAME_HEADERS + options + 7;
}

static inline void send_frame(const uint8_t *frame, size_t len)
{
	int before = netns_enter(wire_a), fd = socket(AF_PACKET, SOCK_RAW, 0);
	struct sockaddr_ll out = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex("va")};

	CHECK_EQ(sendto(fd, frame, len, 0, (struct sockaddr *)&out, sizeof(out)), (ssize_t)len);
	close(fd);
	netns_leave(before);
}

#endif
