// SPDX-License-Identifier: MIT
/*
 * The granted flow as a classic socket filter: what it refuses never enters the ring. It runs on the frame as
 * a socket of type SOCK_RAW sees it, a VLAN tag already taken off. A load past the end of a short frame
 * refuses it: it has no address yet, and is nobody's. See Documentation/networking/filter.rst.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <string.h>
#include <sys/socket.h>

#include "measure/error.h"
#include "packet.h"

#define WHOLE	    0x40000 /* more than any frame: all of it */
#define PACKET_TYPE (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)

static int attach(int fd, const struct sock_filter *code, uint16_t len)
{
	const struct sock_fprog program = {.len = len, .filter = (struct sock_filter *)code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ? -errno : 0;
}

#define FLOW		  17 /* instructions of flow_at() */
#define CODE		  (REFUSE + 1 + 2 * FLOW)
#define REFUSE		  8
#define LABEL(at, wanted) ((uint8_t)((wanted) - (at)-1))

/*
 * The flow in a frame whose IPv4 header begins at `ip_at`. What is addressed to us and contradicts itself (a
 * header of less than five words, or a frame that ends within its UDP header) is let in whole, and a fragment
 * as far as its IP header, to be counted: only the first one has ports.
 */
static void flow_at(struct sock_filter *code, uint32_t ip_at, uint32_t ip, uint32_t port)
{
	enum { HEADERS = 14, WHOLE_FRAME = 15, NOTHING = 16 };
	const struct sock_filter flow[FLOW] = {
		/* 0 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ip_at + 9),
		/* 1 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, LABEL(1, NOTHING)),
		/* 2 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ip_at + 16),
		/* 3 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ip, 0, LABEL(3, NOTHING)),
		/* 4 */ BPF_STMT(BPF_LD | BPF_H | BPF_ABS, ip_at + 6),
		/* 5 */ BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, LABEL(5, HEADERS), 0),
		/* 6 */ BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, ip_at),
		/* 7 */ BPF_STMT(BPF_MISC | BPF_TXA, 0),
		/* 8 */ BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FRAME_IPV4, 0, LABEL(8, WHOLE_FRAME)),
		/* 9 */ BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		/* 10 */ BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0),
		/* 11 */ BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ip_at + FRAME_UDP, 0, LABEL(11, WHOLE_FRAME)),
		/* 12 */ BPF_STMT(BPF_LD | BPF_H | BPF_IND, ip_at + 2),
		/* 13 */
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, LABEL(13, WHOLE_FRAME), LABEL(13, NOTHING)),
		/* 14 */ BPF_STMT(BPF_RET | BPF_K, ip_at + FRAME_IPV4),
		/* 15 */ BPF_STMT(BPF_RET | BPF_K, WHOLE),
		/* 16 */ BPF_STMT(BPF_RET | BPF_K, 0),
	};

	memcpy(code, flow, sizeof(flow));
}

/*
 * The kernel has taken one VLAN tag off; a second one is looked past. Frames of our own sending are refused
 * here as well, for kernels (before 4.20) and fanout groups (before 6.2) that cannot be told to leave them
 * out.
 */
int packet_filter_flow(int fd, const struct rx_endpoint *endpoint)
{
	enum { INNER = 6, PLAIN = REFUSE + 1, TAGGED = PLAIN + FLOW };
	const uint32_t ip = ntohl(endpoint->ip), port = ntohs(endpoint->port);
	const int on = 1;
	struct sock_filter code[CODE] = {
		/* 0 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, PACKET_TYPE),
		/* 1 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, LABEL(1, REFUSE), 0),
		/* 2 */ BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		/* 3 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, LABEL(3, PLAIN), 0),
		/* 4 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021Q, LABEL(4, INNER), 0),
		/* 5 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021AD, 0, LABEL(5, REFUSE)),
		/* 6 */ BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12 + FRAME_TAG),
		/* 7 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, LABEL(7, TAGGED), 0),
		/* 8 */ BPF_STMT(BPF_RET | BPF_K, 0),
	};
	int error;

	flow_at(&code[PLAIN], FRAME_ETHERNET, ip, port);
	flow_at(&code[TAGGED], FRAME_ETHERNET + FRAME_TAG, ip, port);
	error = attach(fd, code, CODE);
	if (!error && setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)))
		error = -errno;
	if (error)
		return fail(-error, "Cannot narrow the packet socket down to %s:%u: %s", endpoint->address,
			    port, strerror(-error));
	return 0;
}

int packet_filter_nothing(int fd)
{
	const struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, 0)};

	return attach(fd, code, 1);
}
