// SPDX-License-Identifier: MIT
/*
 * The granted flow as a classic socket filter: what it refuses never enters the ring. It runs on the frame as
 * a socket of type SOCK_RAW sees it, a VLAN tag already taken off. A load past the end of a short frame
 * refuses it. See Documentation/networking/filter.rst.
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

/*
 * Fragments are let in as far as their IP header, to be counted: only the first has ports. Frames of our own
 * sending are refused here as well, for kernels (before 4.20) and fanout groups (before 6.2) that cannot be
 * told to leave them out.
 */
int packet_filter_flow(int fd, const struct rx_endpoint *endpoint)
{
	const uint32_t ip = ntohl(endpoint->ip), port = ntohs(endpoint->port);
	const int on = 1;
	const struct sock_filter code[] = {
		/* 0 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, PACKET_TYPE),
		/* 1 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 13, 0),
		/* 2 */ BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		/* 3 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 11),
		/* 4 */ BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FRAME_ETHERNET + 9),
		/* 5 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 9),
		/* 6 */ BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FRAME_ETHERNET + 16),
		/* 7 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ip, 0, 7),
		/* 8 */ BPF_STMT(BPF_LD | BPF_H | BPF_ABS, FRAME_ETHERNET + 6),
		/* 9 */ BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff, 4, 0),
		/* 10 */ BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, FRAME_ETHERNET),
		/* 11 */ BPF_STMT(BPF_LD | BPF_H | BPF_IND, FRAME_ETHERNET + 2),
		/* 12 */ BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, port, 0, 2),
		/* 13 */ BPF_STMT(BPF_RET | BPF_K, WHOLE),
		/* 14 */ BPF_STMT(BPF_RET | BPF_K, FRAME_ETHERNET + FRAME_IPV4),
		/* 15 */ BPF_STMT(BPF_RET | BPF_K, 0),
	};
	int error = attach(fd, code, sizeof(code) / sizeof(code[0]));

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
