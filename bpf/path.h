/* SPDX-License-Identifier: MIT */
/* What path.bpf.c and native/measure/path.c share: the stages of a packet, and what is kept of each. */
#ifndef HP_PATH_BPF_H
#define HP_PATH_BPF_H

/* In the order of enum hp_path_stage; the order in which a packet meets them. */
enum path_stage {
	PATH_SENT,
	PATH_IRQ,
	PATH_BACKLOG,
	PATH_RAISED,
	PATH_POLL,
	PATH_REDIRECT,
	PATH_BUILT,
	PATH_RECEIVE,
	PATH_IP,
	PATH_LOCAL,
	PATH_UDP,
	PATH_QUEUE,
	PATH_WOKEN,
	PATH_RUN,
	PATH_TAKEN,
	PATH_RETURN,
	PATH_STAGES
};

/* How a record ended; PATH_OPEN is still on its way. */
enum path_end { PATH_OPEN, PATH_DONE, PATH_DROPPED };

/* One packet. Slots are never reused: a late stamp of another core lands where it belongs. */
struct path_slot {
	__u64 at[PATH_STAGES]; /* CLOCK_MONOTONIC, ns; 0 = not met */
	__u64 dropped_at;
	__u32 end;    /* enum path_end */
	__u32 reason; /* enum skb_drop_reason of the kernel, of a dropped one */
	__u32 place;  /* 1 + its place in the socket's queue; 0 = not queued */
	__u32 next;   /* 1 + the slot taken before it in the same call; 0 = none */
	__u32 woken;  /* thread woken for it */
	__u32 reader; /* thread that took it */
	__u32 cpu;    /* core it was received on */
	__u32 len;    /* bytes of the UDP payload */
};

/* Set before loading. */
struct path_flow {
	__u32 daddr;	/* network byte order */
	__u32 port;	/* network byte order */
	__u32 netns;	/* inode of the receiver's namespace */
	__u32 ifindex;	/* 0: any */
	__u32 packets;	/* slots */
	__u32 redirect; /* 1: AF_XDP, bound at the redirect; 0: bound by its headers */
};

/* Set once everything is attached, read while it runs. */
struct path_state {
	__u32 enabled;
	__u32 last;   /* enum path_stage that ends a record */
	__u32 used;   /* slots given out; a little above flow.packets once there are no more */
	__u32 beyond; /* packets that came after that */
	__u32 ended;
	__u32 elsewhere;	 /* delivered to another socket than the one that is followed */
	__u32 untracked;	 /* taken from the socket, but queued before the trace or out of step */
	__u32 no_room;		 /* the map from packet to slot was full */
	__u32 skip;		 /* of the queue: packets that were there before the trace */
	__u32 head, tail;	 /* of the socket's queue, in places */
	__u32 woken, woken_slot; /* thread woken last, 1 + the slot it was woken for */
	__u32 taker, taken;	 /* thread in a read, 1 + the slot it took last */
	__u64 sock;		 /* the socket that is followed; 0 = none yet */
	__u64 empty_at;		 /* when a read last found its queue empty */
};

#endif
