// SPDX-License-Identifier: MIT
/*
 * The ways out: send(), or the same send through io_uring. One order at a time is one system call either way;
 * MSG_DONTWAIT makes the ring's send complete within its submission, so there is nothing to wait for and
 * nothing in flight between calls.
 */
#include <errno.h>
#include <sys/socket.h>

#include "measure/error.h"
#include "session.h"

#define FLAGS (MSG_DONTWAIT | MSG_NOSIGNAL)

int send_open(struct order_session *session)
{
	switch (session->options.via) {
	case HP_ORDER_SEND:
		return 0;
	case HP_ORDER_URING:
		return uring_open(&session->uring, 4, 8, "send orders through io_uring");
	default:
		return fail(EINVAL, "Cannot send orders by way %d: there are send and uring",
			    session->options.via);
	}
}

void send_close(struct order_session *session)
{
	uring_close(&session->uring);
}

/* What the send would have returned. */
static int uring_once(struct order_session *session, const uint8_t *bytes, size_t len)
{
	struct io_uring *ring = &session->uring.ring;
	struct io_uring_cqe *cqe;
	int result;

	if (!session->uring.enabled && (result = uring_enable(&session->uring)))
		return result;
	io_uring_prep_send(io_uring_get_sqe(ring), session->fd, bytes, len, FLAGS);
	result = io_uring_submit_and_wait(ring, 1);
	if (result < 0) {
		/* Refused before it was taken: it must not lie in the ring and leave with the next one,
		 * twice. */
		uring_close(&session->uring);
		return result;
	}
	while ((result = io_uring_wait_cqe(ring, &cqe)) == -EINTR)
		;
	if (result)
		return result;
	result = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return result;
}

static int uring_send(struct order_session *session, const uint8_t *bytes, size_t len)
{
	int result = session->uring.open ? uring_once(session, bytes, len) : -EEXIST;

	if (result != -EEXIST)
		return result;
	/* Another thread sends now, which the kernel refuses: it gets a ring of its own. */
	result = send_open(session);
	return result ? result : uring_once(session, bytes, len);
}

ssize_t send_bytes(struct order_session *session, const uint8_t *bytes, size_t len)
{
	ssize_t took;

	if (session->options.via == HP_ORDER_URING) {
		took = uring_send(session, bytes, len);
	} else {
		took = send(session->fd, bytes, len, FLAGS);
		if (took < 0)
			took = -errno;
	}
	if (took == -EAGAIN || took == -EINTR || took == -ENOBUFS || took == -ENOMEM)
		return 0;
	return took;
}
