/* SPDX-License-Identifier: MIT */
/* What steer.bpf.c and native/rx/steering.c share. */
#ifndef HP_STEER_H
#define HP_STEER_H

/* Fixed when the program is loaded: what it may redirect, and whether it stamps. */
struct steer_config {
	__u32 daddr; /* as in the packet: both in network byte order */
	__u16 dport;
	__u16 stamp; /* 1: a struct steer_stamp before each redirected frame */
};

/* When the frame reached the program, in the 16 bytes before its Ethernet header. */
struct steer_stamp {
	__u64 monotonic_ns; /* bpf_ktime_get_ns(); 0: no stamp was written here */
	__u64 nic_ns;	    /* the NIC's own clock; 0: it told none */
};

/* Frames to the granted address that went on to the kernel. */
struct steer_counts {
	__u64 fragments; /* parts of UDP datagrams, whatever their port: only the first part has it */
	__u64 cut;	 /* UDP, and the frame ends before its header does, or IPv4 lengths make no sense */
	__u64 elsewhere; /* of the granted flow, on a queue that no socket serves */
};

#endif
