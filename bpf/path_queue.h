/* SPDX-License-Identifier: MIT */
/*
 * Which packet a read took. UDP copies a linear datagram without passing a tracepoint that names it, and may
 * free it later and on another core. But a socket's queue is first in, first out: the n-th taken is the n-th
 * queued. This is that queue again, filled just before the kernel's own. It is kept in step by drops, which
 * give their place back, and by reads that find the socket empty. It follows one socket, and assumes that one
 * thread at a time reads it.
 */
#ifndef HP_PATH_QUEUE_H
#define HP_PATH_QUEUE_H

#include "path_kernel.h"

/* The first socket a packet is delivered to is the one that is followed. Its queue may not be empty. */
static __always_inline int follow(struct sock *sk)
{
	if (!state.sock && !__sync_val_compare_and_swap(&state.sock, 0, (__u64)sk))
		state.skip = BPF_CORE_READ(sk, sk_receive_queue.qlen) +
			     BPF_CORE_READ((struct udp_sock *)sk, reader_queue.qlen);
	return state.sock == (__u64)sk;
}

/* At the tail; its place. An entry that is not written yet is empty: nobody skips it. */
static __always_inline __u32 push(const __u32 *entry)
{
	__u32 place = __sync_fetch_and_add(&state.tail, 1);

	bpf_map_update_elem(&queue, &place, entry, BPF_ANY);
	return place;
}

/* The next packet gets it, unless one has come in between: then it stays empty. */
static __always_inline void give_place_back(__u32 place)
{
	__u32 nobody = 0;

	bpf_map_update_elem(&queue, &place, &nobody, BPF_ANY);
	__sync_val_compare_and_swap(&state.tail, place + 1, place);
}

/* Two reads in a row found nothing: what was queued before the first of them has been taken unseen. */
static __always_inline void catch_up(__u64 now)
{
	struct path_slot *slot;
	__u32 *index, head;

	for (int i = 0; i < SKIPS; i++) {
		head = state.head;
		index = head < state.tail ? bpf_map_lookup_elem(&queue, &head) : NULL;
		slot = index && *index ? slot_at(*index - 1) : NULL;
		if (!slot || (!slot->end &&
			      (!slot->at[PATH_QUEUE] || slot->at[PATH_QUEUE] + SETTLED > state.empty_at)))
			break;
		__sync_val_compare_and_swap(&state.head, head, head + 1);
	}
	state.empty_at = now;
}

/* The slot at the head of the queue, past those that were dropped but could not give their place back. */
static __always_inline struct path_slot *pop(__u32 *out)
{
	struct path_slot *slot;
	__u32 *index, head;

	for (int i = 0; i < SKIPS; i++) {
		if (state.head >= state.tail)
			return NULL;
		head = __sync_fetch_and_add(&state.head, 1);
		index = bpf_map_lookup_elem(&queue, &head);
		slot = index && *index ? slot_at(*index - 1) : NULL;
		if (slot && !slot->end) {
			*out = *index - 1;
			return slot;
		}
	}
	return NULL;
}

#endif
