/* SPDX-License-Identifier: MIT */
/*
 * The strategy's side of a seat, and how its memory reaches another process: TypeScript's own memory is moved
 * onto a memfd at the same address; the other process maps the same file over its own memory. Nothing here
 * needs a permission once the mapping stands, which is why a strategy without any can still trade.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "measure/error.h"
#include "strategy/ring.h"

static int page_aligned(const void *memory, int32_t bytes)
{
	long page = sysconf(_SC_PAGESIZE);

	return memory && bytes > 0 && !((uintptr_t)memory % (uintptr_t)page) && !(bytes % page);
}

int32_t hp_share(void *memory, int32_t bytes)
{
	int fd;

	if (!page_aligned(memory, bytes))
		return fail(EINVAL, "Cannot share %d bytes: memory must be whole pages", bytes);
	fd = memfd_create("hotpath", MFD_CLOEXEC);
	if (fd < 0)
		return fail(errno, "Cannot create shared memory: memfd_create failed (%m)");
	if (ftruncate(fd, bytes) || pwrite(fd, memory, (size_t)bytes, 0) != bytes ||
	    mmap(memory, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd,
		 0) == MAP_FAILED) {
		int error = errno;

		close(fd);
		return fail(error, "Cannot share %d bytes of memory: %s", bytes, strerror(error));
	}
	return fd;
}

int32_t hp_join(const char *path, void *memory, int32_t bytes, int32_t readonly)
{
	int fd, error = 0;

	if (!path || !page_aligned(memory, bytes))
		return fail(EINVAL, "Cannot join shared memory: a path and whole pages are needed");
	fd = open(path, (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (fd < 0)
		return fail(errno, "Cannot join shared memory %s: %m; its owner may have gone", path);
	if (lseek(fd, 0, SEEK_END) < bytes)
		error = EINVAL; /* mapping past the end would fault later */
	else if (mmap(memory, (size_t)bytes, readonly ? PROT_READ : PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0) == MAP_FAILED)
		error = errno;
	close(fd);
	return error ? fail(error, "Cannot map shared memory %s: %s", path, strerror(error)) : 0;
}

int32_t hp_unshare(int32_t fd)
{
	return close(fd) ? fail(errno, "Cannot close descriptor %d: %m", fd) : 0;
}

struct hp_seat *hp_seat_open(void *memory, int32_t bytes)
{
	struct hp_seat *seat = memory;

	if (!page_aligned(memory, bytes) || load_acquire(&seat->magic) != HP_SEAT_MAGIC) {
		fail(EINVAL, "Cannot open the seat: the memory does not hold one");
		return NULL;
	}
	return seat;
}

int32_t hp_seat_wait(struct hp_seat *seat, int32_t timeout_us)
{
	struct hp_ring *ring;
	uint32_t tail;

	if (!seat || timeout_us < 0)
		return fail(EINVAL, "Cannot wait for events: no seat, or a negative time");
	ring = seat_events(seat);
	store_release(&ring->waiting, 1);
	/* `waiting` must be visible before tail is looked at again: pairs with wake_sleeper(). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	tail = load_acquire(&ring->tail);
	if (tail == ring->head && timeout_us > 0) {
		struct timespec timeout = {timeout_us / 1000000, (long)(timeout_us % 1000000) * 1000};

		/* Not FUTEX_PRIVATE: the engine is another process. */
		syscall(SYS_futex, &ring->tail, FUTEX_WAIT, tail, &timeout, NULL, 0);
	}
	store_release(&ring->waiting, 0);
	return load_acquire(&ring->tail) != ring->head;
}

int32_t hp_seat_wake(struct hp_seat *seat, int32_t wake_fd)
{
	char byte = 1;

	if (!seat)
		return fail(EINVAL, "Cannot wake the engine: no seat");
	if (load_acquire(&seat->engine_waiting))
		(void)!write(wake_fd, &byte, 1); /* a full pipe has woken it already */
	return 0;
}

int32_t hp_wake_open(const char *path)
{
	int fd = path ? open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC) : -1;

	return fd < 0 ? fail(errno, "Cannot open the engine's wake pipe %s: %m", path ? path : "") : fd;
}

int32_t hp_die_with(int32_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return fail(errno, "Cannot follow process %d: %m", parent);
	/* It may have ended before the kernel was told. */
	return getppid() == parent ? 0 : fail(ESRCH, "Cannot follow process %d: it has ended", parent);
}
