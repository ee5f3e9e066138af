/* SPDX-License-Identifier: MIT */
/* What steer.bpf.c and native/rx/steering.c share: the key of a granted flow. */
#ifndef HP_STEER_H
#define HP_STEER_H

#define STEER_FLOWS 64

/* As in the packet: both in network byte order. No padding bytes that could differ. */
struct steer_flow {
	__u32 daddr;
	__u16 dport;
	__u16 zero;
};

#endif
