// SPDX-License-Identifier: MIT
/*
 * A capture into memory of ours. Not mapped: a mapped file that somebody cuts short kills its reader
 * (SIGBUS). What a broken gzip stream gave before it broke is kept. See zlib.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "capture.h"
#include "measure/error.h"

#define ROOM_FIRST ((size_t)1 << 20)
#define MIB(bytes) ((bytes) >> 20)

static int too_long(const struct capture *capture)
{
	return fail(
		EFBIG,
		"Cannot load capture \"%s\": it is longer than %zu MiB%s; cut it into pieces (editcap -c), "
		"or keep only the flow (tcpdump -r IN -w OUT udp port N)",
		capture->path, MIB(CAPTURE_BYTES), capture->packed ? " unpacked" : "");
}

static int no_memory(const struct capture *capture, size_t bytes)
{
	return fail(ENOMEM, "Cannot load capture \"%s\": no memory for %zu MiB of it", capture->path,
		    MIB(bytes));
}

/* glibc moves large blocks by their pages, so that growing copies nothing. */
static int resize(struct capture *capture, size_t bytes)
{
	uint8_t *memory = realloc(capture->bytes, bytes);

	if (!memory)
		return no_memory(capture, bytes);
	capture->bytes = memory;
	capture->room = bytes;
	return 0;
}

static int read_whole(struct capture *capture, int fd)
{
	ssize_t got;

	do {
		got = read(fd, capture->bytes + capture->size, capture->room - capture->size);
		if (got < 0 && errno != EINTR)
			return fail(errno, "Cannot read capture \"%s\": %s", capture->path, strerror(errno));
		capture->size += got > 0 ? (size_t)got : 0;
	} while (got && capture->size < capture->room);
	return 0;
}

static int open_file(const char *path, size_t *size)
{
	/* NONBLOCK: a FIFO would have us wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat about = {0};

	if (fd < 0 && errno == ENOENT)
		return fail(ENOENT, "Cannot load capture \"%s\": no such file", path);
	if (fd < 0)
		return fail(errno, "Cannot open capture \"%s\": %s", path, strerror(errno));
	if (!fstat(fd, &about) && S_ISREG(about.st_mode) && about.st_size) {
		*size = (size_t)about.st_size;
		return fd;
	}
	close(fd);
	if (S_ISREG(about.st_mode))
		return fail(EBADMSG, "Cannot play capture \"%s\": it is empty", path);
	return fail(EINVAL, "Cannot load capture \"%s\": it is not a file; write the packets into one first",
		    path);
}

static int is_gzip(const uint8_t *bytes, size_t size)
{
	return size > 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

/* Unpacks all members of `stream` into capture->bytes; a stream that breaks ends it. 0 or fail(...). */
static int inflate_all(struct capture *capture, z_stream *stream)
{
	for (;;) {
		int state;

		if (capture->size == capture->room) {
			int error = capture->room >= CAPTURE_BYTES ? too_long(capture)
								   : resize(capture, capture->room * 2);

			if (error)
				return error;
		}
		stream->next_out = capture->bytes + capture->size;
		stream->avail_out = (uInt)(capture->room - capture->size);
		state = inflate(stream, Z_NO_FLUSH);
		capture->size = (size_t)(stream->next_out - capture->bytes);
		if (state == Z_STREAM_END) {
			if (!is_gzip(stream->next_in, stream->avail_in))
				return 0;
			inflateReset(stream);
		} else if (state != Z_OK) { /* Z_BUF_ERROR: nothing left to unpack, and no end */
			capture->broken = 1;
			return 0;
		}
	}
}

static int unpack(struct capture *capture)
{
	uint8_t *packed = capture->bytes;
	z_stream stream = {.next_in = packed, .avail_in = (uInt)capture->size};
	int error;

	capture->bytes = NULL;
	capture->size = capture->room = 0;
	capture->packed = 1;
	error = resize(capture, ROOM_FIRST);
	if (!error && inflateInit2(&stream, 15 + 16) != Z_OK)
		error = no_memory(capture, ROOM_FIRST);
	else if (!error)
		error = inflate_all(capture, &stream);
	inflateEnd(&stream);
	free(packed);
	return error;
}

int capture_load(struct capture *capture, const char *path)
{
	size_t size = 0;
	int fd = open_file(path, &size), error;

	if (fd < 0)
		return fd;
	error = size > CAPTURE_BYTES ? too_long(capture) : resize(capture, size);
	if (!error)
		error = read_whole(capture, fd);
	close(fd);
	if (!error && is_gzip(capture->bytes, capture->size))
		error = unpack(capture);
	return !error && capture->size ? resize(capture, capture->size) : error;
}
