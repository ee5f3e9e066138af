// SPDX-License-Identifier: MIT
/*
 * The kernel as its own traffic generator. BPF_PROG_TEST_RUN with BPF_F_TEST_XDP_LIVE_FRAMES runs the first
 * program on one frame template over and over and does for real what it answers; it numbers and stamps the
 * records in the frame and redirects it out of the interface, so that no skb is ever built. The others
 * hear how each bulk fared and what was refused: the redirect itself tells nobody.
 *
 * A page comes back and is used again as it was left, so everything that changes is written each time. See
 * Documentation/bpf/bpf_prog_run.rst and Documentation/bpf/redirect.rst.
 */
#include <linux/bpf.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "generate.h"

/* Set by native/tx/kernel.c before each run. Only one run at a time writes here. */
__u64 seq;	 /* of the next record */
__u64 first;	 /* record 0 of the pattern */
__u64 last;	 /* this record ends the session; ~0: none does */
__s64 offset_ns; /* from the monotonic clock to the Unix epoch, as the library tells it */
__u64 thread;	 /* pid and tid of the run */
__u32 ifindex;
__u32 records; /* a datagram */

/* How they fared. */
__u64 taken, dropped;
__s64 error; /* why the last one was refused before it came to a bulk, or the last bulk of which nothing left
	      */

struct net_device {
	int ifindex;
} __attribute__((preserve_access_index));

static __always_inline void write_record(void *record, __u64 stamp)
{
	__u64 n = seq - first;

	*(__u64 *)(record + 6) = seq;
	*(__u64 *)(record + 14) = stamp;
	*(__u64 *)(record + 22) = generate_price(n);
	*(__u32 *)(record + 30) = generate_qty(n);
	*(__u8 *)(record + 34) = generate_flags(n) | (seq == last ? GENERATE_LAST : 0);
	seq++;
}

SEC("xdp")
int hotpath_generate(struct xdp_md *ctx)
{
	void *end = (void *)(long)ctx->data_end;
	void *record = (void *)(long)ctx->data + GENERATE_FRAME;
	__u64 stamp = bpf_ktime_get_ns() + offset_ns;

	for (int i = 0; i < GENERATE_MOST; i++, record += GENERATE_RECORD) {
		if (i >= records || record + GENERATE_RECORD > end)
			break;
		write_record(record, stamp);
	}
	return bpf_redirect(ifindex, 0);
}

/* from_dev, to_dev, sent, drops, err */
SEC("raw_tp/xdp_devmap_xmit")
int hotpath_generated(struct bpf_raw_tracepoint_args *ctx)
{
	struct net_device *to = (void *)ctx->args[1];
	int sent = (int)ctx->args[2];

	if (bpf_get_current_pid_tgid() != thread || BPF_CORE_READ(to, ifindex) != (int)ifindex)
		return 0;
	taken += sent;
	dropped += (int)ctx->args[3];
	if (sent <= 0)
		error = (int)ctx->args[4];
	return 0;
}

/* dev, prog, target, err, map type, map id, index */
SEC("raw_tp/xdp_redirect_err")
int hotpath_generate_refused(struct bpf_raw_tracepoint_args *ctx)
{
	if (bpf_get_current_pid_tgid() != thread)
		return 0;
	error = (int)ctx->args[3];
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
