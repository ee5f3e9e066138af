// SPDX-License-Identifier: MIT
/*
 * io_uring: one submission for everything reserved, on a registered socket. Two paths: `uring` sends as
 * send() does, so a slot is free again as soon as its completion is seen, mostly within the flush; `zc` lends
 * the slot itself (IORING_OP_SEND_ZC from registered memory), which is free only when the kernel says so in a
 * second completion. On a veth the receiving end copies after all, and the notification says that too: `zc`
 * pays off for large datagrams on a NIC, and is measured here so that nobody has to believe it.
 *
 * A datagram that finds no room goes first next time; the rest of its own batch may have overtaken it. See
 * io_uring_prep_send(3) and io_uring_prep_send_zc(3).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure/error.h"
#include "tx.h"
#include "uring.h"

#define SLOTS		256 /* more than a batch: lent ones come back late */
#define MAPPED		((size_t)SLOTS * TX_PAYLOAD)
#define ROUNDS		3  /* submissions a flush tries when an earlier datagram's error stood in the way */
#define ZC_USAGE	8u /* IORING_SEND_ZC_REPORT_USAGE, since 6.2; unknown to liburing 2.3 */
#define ZC_DONE_BY_COPY (1u << 31) /* IORING_NOTIF_USAGE_ZC_COPIED */

enum slot_state { SLOT_FREE, SLOT_READY, SLOT_SENDING };

struct slot {
	uint16_t len;
	uint8_t state;
	uint8_t lent; /* notifications still to come: the kernel may read the slot */
};

struct uring_tx {
	struct tx tx;
	struct tx_endpoint endpoint;
	struct tx_interface interface;
	int fd;
	int zero_copy;
	int fixed;	    /* zc: the slots are registered memory */
	unsigned zc_usage;  /* ZC_USAGE while the kernel takes it */
	struct uring uring; /* of the thread that flushes first */
	uint32_t oldest;    /* of the slots [oldest, next) that are not settled; both run freely */
	uint32_t next;	    /* reserve() hands this one out */
	uint8_t *memory;
	struct slot slots[SLOTS];
};

static void uring_tx_close(struct tx *tx)
{
	struct uring_tx *uring = (struct uring_tx *)tx;

	uring_close(&uring->uring);
	if (uring->fd >= 0)
		close(uring->fd);
	if (uring->memory)
		munmap(uring->memory, MAPPED);
	tx_interface_close(&uring->interface);
	free(uring);
}

static int check_zero_copy(struct uring_tx *uring)
{
	struct io_uring_probe *probe = io_uring_get_probe_ring(&uring->uring.ring);
	int known = probe && io_uring_opcode_supported(probe, IORING_OP_SEND_ZC);
	struct iovec whole = {uring->memory, MAPPED};

	if (probe)
		io_uring_free_probe(probe);
	if (!known)
		return fail(EOPNOTSUPP,
			    "Cannot send by zc: this kernel has no zero-copy send; it needs Linux 6.0 or "
			    "later, use uring");
	uring->zc_usage = ZC_USAGE;
	uring->fixed = !io_uring_register_buffers(&uring->uring.ring, &whole, 1);
	tx_note(uring->tx.stats, "send_zc, %s",
		uring->fixed ? "registered memory" : "memory not registered: see ulimit -l");
	return 0;
}

static int open_ring(struct uring_tx *uring)
{
	int error = uring_open(&uring->uring, SLOTS, 4 * SLOTS, "open the uring path for sending");

	if (error)
		return error;
	error = io_uring_register_files(&uring->uring.ring, &uring->fd, 1);
	if (error)
		return fail(-error, "Cannot register the socket with the io_uring: %s", strerror(-error));
	if (uring->zero_copy)
		return check_zero_copy(uring);
	tx_note(uring->tx.stats, "send");
	return 0;
}

static int open_path(struct uring_tx *uring, const struct hp_tx_options *options)
{
	void *memory =
		mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	int error;

	if (memory == MAP_FAILED)
		return fail(errno, "Cannot map the uring path's slots: %s", strerror(errno));
	uring->memory = memory;
	error = tx_endpoint(&uring->endpoint, options);
	if (!error)
		error = tx_interface_open(&uring->interface, uring->endpoint.ifname);
	if (error)
		return error;
	uring->fd = tx_socket_open(&uring->endpoint, options);
	if (uring->fd < 0)
		return uring->fd;
	error = open_ring(uring);
	if (!error)
		tx_note(uring->tx.stats, "%s", uring->uring.mode);
	return error;
}

static int open_either(struct tx **out, const struct hp_tx_options *options, struct hp_tx_stats *stats,
		       const struct tx_ops *ops)
{
	struct uring_tx *uring = calloc(1, sizeof(*uring));
	int error;

	if (!uring)
		return fail(ENOMEM, "Cannot open the uring path for sending: no memory");
	uring->tx = (struct tx){.ops = ops, .stats = stats, .largest = TX_PAYLOAD};
	uring->zero_copy = ops == &tx_zc;
	uring->fd = uring->interface.fd = -1;
	error = open_path(uring, options);
	if (error) {
		uring_tx_close(&uring->tx);
		return error;
	}
	*out = &uring->tx;
	return 0;
}

static int uring_tx_open(struct tx **out, const struct hp_tx_options *options, struct hp_tx_stats *stats)
{
	return open_either(out, options, stats, &tx_uring);
}

static int zc_open(struct tx **out, const struct hp_tx_options *options, struct hp_tx_stats *stats)
{
	return open_either(out, options, stats, &tx_zc);
}

/* A first completion: the datagram's fate. */
static void settle(struct uring_tx *uring, struct slot *slot, int result)
{
	slot->state = SLOT_FREE;
	if (result >= 0) {
		tx_sent(&uring->tx, 1, slot->len);
	} else if (result == -EAGAIN || result == -EINTR || result == -ECONNREFUSED) {
		slot->state = SLOT_READY; /* no room; or an ICMP answer to an earlier one: not tried yet */
	} else if (result == -EINVAL && uring->zc_usage) {
		uring->zc_usage = 0;
		slot->state = SLOT_READY;
	} else {
		tx_failed(&uring->tx, -result, 1);
	}
}

static void collect(struct uring_tx *uring)
{
	struct hp_tx_stats *stats = uring->tx.stats;
	struct io_uring_cqe *cqe;
	unsigned head, seen = 0;

	io_uring_for_each_cqe(&uring->uring.ring, head, cqe)
	{
		struct slot *slot = &uring->slots[cqe->user_data % SLOTS];

		seen++;
		if (cqe->flags & IORING_CQE_F_NOTIF) {
			slot->lent--;
			stats->completed += 1;
			stats->copied += ((uint32_t)cqe->res & ZC_DONE_BY_COPY) != 0;
			continue;
		}
		if (cqe->flags & IORING_CQE_F_MORE)
			slot->lent++;
		else
			stats->completed += 1;
		settle(uring, slot, cqe->res);
	}
	io_uring_cq_advance(&uring->uring.ring, seen);
	while (uring->oldest != uring->next && uring->slots[uring->oldest % SLOTS].state == SLOT_FREE)
		uring->oldest++;
}

/* Completions that wait for us inside the kernel. */
static void look(struct uring_tx *uring)
{
	if (uring->uring.enabled && uring_wants_entry(&uring->uring)) {
		uring->tx.stats->kicks += 1;
		io_uring_get_events(&uring->uring.ring);
	}
	collect(uring);
}

static int has_room(const struct uring_tx *uring)
{
	const struct slot *slot = &uring->slots[uring->next % SLOTS];

	return uring->tx.waiting < TX_BATCH && uring->next - uring->oldest < SLOTS && !slot->lent;
}

static uint8_t *uring_reserve(struct tx *tx, uint32_t len)
{
	struct uring_tx *uring = (struct uring_tx *)tx;
	uint32_t slot = uring->next % SLOTS;

	if (!has_room(uring))
		look(uring);
	if (len > tx->largest || !has_room(uring)) {
		tx->stats->no_room += 1;
		return NULL;
	}
	uring->slots[slot].state = SLOT_READY;
	uring->slots[slot].len = (uint16_t)len;
	uring->next++;
	tx->waiting++;
	return uring->memory + (size_t)slot * TX_PAYLOAD;
}

static void prepare(struct uring_tx *uring, uint32_t index)
{
	struct slot *slot = &uring->slots[index];
	const uint8_t *payload = uring->memory + (size_t)index * TX_PAYLOAD;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->uring.ring); /* as many as slots: never NULL */

	if (!uring->zero_copy)
		io_uring_prep_send(sqe, 0, payload, slot->len, MSG_DONTWAIT);
	else if (uring->fixed)
		io_uring_prep_send_zc_fixed(sqe, 0, payload, slot->len, MSG_DONTWAIT, uring->zc_usage, 0);
	else
		io_uring_prep_send_zc(sqe, 0, payload, slot->len, MSG_DONTWAIT, uring->zc_usage);
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe->user_data = index;
	slot->state = SLOT_SENDING;
}

/* Hands every ready slot over. How many, or fail(...). */
static int submit(struct uring_tx *uring)
{
	int count = 0, error;

	if (!uring->uring.enabled && (error = uring_enable(&uring->uring)))
		return error;
	for (uint32_t i = uring->oldest; i != uring->next; i++) {
		if (uring->slots[i % SLOTS].state != SLOT_READY)
			continue;
		prepare(uring, i % SLOTS);
		count++;
	}
	if (!count && !io_uring_sq_ready(&uring->uring.ring))
		return 0;
	uring->tx.stats->kicks += 1;
	error = io_uring_submit(&uring->uring.ring);
	if (error == -EEXIST)
		return fail(EEXIST,
			    "Cannot send to %s: another thread has used this io_uring; flush from "
			    "the thread that flushed first",
			    uring->endpoint.address);
	if (error < 0 && error != -EINTR && error != -EAGAIN && error != -EBUSY)
		return fail(-error, "Cannot send to %s through io_uring: %s", uring->endpoint.address,
			    strerror(-error));
	return count;
}

static int uring_flush(struct tx *tx)
{
	struct uring_tx *uring = (struct uring_tx *)tx;
	double before = tx->stats->sent;

	tx->stats->calls += tx->waiting > 0;
	for (int round = 0; round < ROUNDS; round++) {
		int count = submit(uring);

		if (count < 0)
			return count;
		look(uring);
		if (!tx->waiting)
			break;
	}
	tx->stats->partial += tx->waiting > 0;
	return (int)(tx->stats->sent - before);
}

static void uring_refresh(struct tx *tx)
{
	tx_interface_look(&((struct uring_tx *)tx)->interface, tx->stats);
}

const struct tx_ops tx_uring = {
	.name = "uring",
	.open = uring_tx_open,
	.reserve = uring_reserve,
	.flush = uring_flush,
	.refresh = uring_refresh,
	.close = uring_tx_close,
};

const struct tx_ops tx_zc = {
	.name = "zc",
	.open = zc_open,
	.reserve = uring_reserve,
	.flush = uring_flush,
	.refresh = uring_refresh,
	.close = uring_tx_close,
};
