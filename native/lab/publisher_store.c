// SPDX-License-Identifier: MIT
/*
 * Reading a session: the file's own bytes are kept as they are, an index of every 64th message beside them. A
 * length of 0 ends a session (BinaryFILE); what is torn off at the end is left out and counted. Message types
 * are not judged: what a feed is sent is for the receiver to make sense of.
 *
 * The price is memory: the re-request server must be able to serve all that was sent, and replay a snapshot
 * from it. 2 GiB hold about 70 million messages.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "lab/publisher_store.h"
#include "measure/error.h"

#define ROOM_FIRST   ((size_t)1 << 20)
#define READ_BYTES   (1u << 20)
#define MESSAGE_MOST (MOLD_BYTES - MOLD_HEADER - 2)

static int make_room(struct store *store, size_t bytes)
{
	size_t room = store->room ? store->room : ROOM_FIRST;
	uint8_t *memory;

	if (store->size + bytes > STORE_BYTES)
		return fail(
			EFBIG,
			"Cannot publish a session of more than %zu MiB: all of it is kept in memory; cut the "
			"file into pieces",
			STORE_BYTES >> 20);
	while (room < store->size + bytes)
		room *= 2;
	if (room == store->room)
		return 0;
	memory = realloc(store->bytes, room);
	if (!memory)
		return fail(ENOMEM, "Cannot hold a session of %zu MiB: out of memory", room >> 20);
	store->bytes = memory;
	store->room = room;
	return 0;
}

/* Notes where the next message begins. */
static int index_next(struct store *store, size_t offset)
{
	size_t at = store->count / STORE_STRIDE;

	if (store->count++ % STORE_STRIDE)
		return 0;
	if (at == store->index_room) {
		size_t room = at ? 2 * at : 1024, *index = realloc(store->index, room * sizeof(*index));

		if (!index)
			return fail(ENOMEM, "Cannot hold the index of a session: out of memory");
		store->index = index;
		store->index_room = room;
	}
	store->index[at] = offset;
	return 0;
}

int store_append(struct store *store, const void *message, uint16_t length)
{
	int code = make_room(store, (size_t)length + 2);

	if (!code)
		code = index_next(store, store->size);
	if (code)
		return code;
	put_be(store->bytes + store->size, 2, length);
	memcpy(store->bytes + store->size + 2, message, length);
	store->size += (size_t)length + 2;
	return 0;
}

/* gzread() takes plain files as they are. */
static int read_all(struct store *store, gzFile file, const char *path)
{
	const char *why;
	int got, state;

	do {
		int code = make_room(store, READ_BYTES);

		if (code)
			return code;
		got = gzread(file, store->bytes + store->size, READ_BYTES);
		store->size += got > 0 ? (size_t)got : 0;
	} while (got > 0);
	why = gzerror(file, &state);
	if (got < 0 && state != Z_BUF_ERROR) /* that: the file ends within its compressed stream */
		return fail(state == Z_ERRNO ? errno : EBADMSG, "Cannot read \"%s\": %s", path,
			    state == Z_ERRNO ? strerror(errno) : why);
	return 0;
}

/* Walks over what was read. */
static int index_all(struct store *store, const char *path)
{
	size_t at = 0, end = store->size;
	int code = 0;

	while (!code && end - at >= 2) {
		size_t length = store_length(store->bytes + at);

		if (length > end - at - 2 || length == 0)
			break;
		if (length > MESSAGE_MOST)
			return fail(
				EBADMSG,
				"Cannot publish \"%s\": message %llu has %zu bytes, no message of ITCH has; "
				"is every message behind its length?",
				path, (unsigned long long)store->count + 1, length);
		code = index_next(store, at);
		at += length + 2;
	}
	if (code)
		return code;
	if (end - at > 2 && !store_length(store->bytes + at))
		return fail(
			EBADMSG,
			"Cannot publish \"%s\": message %llu has a length of 0, which ends a session, and "
			"%zu bytes follow",
			path, (unsigned long long)store->count + 1, end - at - 2);
	store->torn = end - at == 2 && !store_length(store->bytes + at) ? 0 : end - at;
	store->size = at;
	if (!store->count)
		return fail(ENODATA, "Cannot publish \"%s\": there is no message in it", path);
	return 0;
}

static int open_file(const char *path)
{
	/* NONBLOCK: a FIFO would have us wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat about = {0};

	if (fd < 0)
		return fail(errno, "Cannot publish \"%s\": %s", path, strerror(errno));
	if (!fstat(fd, &about) && S_ISREG(about.st_mode))
		return fd;
	close(fd);
	return fail(EINVAL, "Cannot publish \"%s\": it is not a file", path);
}

int store_load(struct store *store, const char *path)
{
	int fd = open_file(path), code;
	gzFile file;

	if (fd < 0)
		return fd;
	file = gzdopen(fd, "rb");
	if (!file) {
		close(fd);
		return fail(ENOMEM, "Cannot read \"%s\": out of memory", path);
	}
	gzbuffer(file, READ_BYTES);
	code = read_all(store, file, path);
	gzclose(file);
	return code ? code : index_all(store, path);
}

void store_free(struct store *store)
{
	free(store->bytes);
	free(store->index);
	*store = (struct store){0};
}

const uint8_t *store_at(const struct store *store, uint64_t number)
{
	const uint8_t *at = store->bytes + store->index[(number - 1) / STORE_STRIDE];

	for (uint64_t i = (number - 1) % STORE_STRIDE; i; i--)
		at += 2 + store_length(at);
	return at;
}
