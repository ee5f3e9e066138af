// SPDX-License-Identifier: MIT
/*
 * A file as a stream of bytes, unpacked on the way when it is gzip: a day of ITCH is 5 GB packed and 15 GB
 * unpacked, so nothing is kept. What came before a file breaks off is handed out; then it is said.
 * zlib reads plain files too. See zlib.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab/reader.h"
#include "measure/error.h"

#define BUFFER (256u << 10)

static int open_regular(const char *path, double *size)
{
	/* NONBLOCK: a FIFO would have us wait for its writer. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error;
	struct stat about = {0};

	if (fd < 0 && errno == ENOENT)
		return fail(ENOENT, "Cannot read \"%s\": no such file", path);
	if (fd < 0)
		return fail(errno, "Cannot open \"%s\": %s", path, strerror(errno));
	if (!fstat(fd, &about) && S_ISREG(about.st_mode) && about.st_size) {
		*size = (double)about.st_size;
		return fd;
	}
	if (S_ISREG(about.st_mode))
		error = fail(EBADMSG, "Cannot read \"%s\": it is empty", path);
	else if (S_ISDIR(about.st_mode))
		error = fail(EISDIR, "Cannot read \"%s\": it is a folder; name a file in it", path);
	else
		error = fail(EINVAL, "Cannot read \"%s\": it is not a file; write it into one first", path);
	close(fd);
	return error;
}

int reader_bytes_open(struct reader_bytes *bytes, const char *path)
{
	int fd = open_regular(path, &bytes->size);

	if (fd < 0)
		return fd;
	bytes->path = path;
	bytes->file = gzdopen(fd, "rb");
	if (!bytes->file) {
		close(fd);
		return fail(ENOMEM, "Cannot read \"%s\": no memory to unpack it", path);
	}
	gzbuffer(bytes->file, BUFFER);
	return 0;
}

int reader_bytes_read(struct reader_bytes *bytes, uint8_t *out, size_t count)
{
	size_t have = 0;
	const char *why;
	int got, code;

	do {
		got = gzread(bytes->file, out + have, (unsigned)(count - have));
		have += got > 0 ? (size_t)got : 0;
	} while (got > 0 && have < count);
	if (have)
		return (int)have; /* what is wrong behind it is said by the next call */
	why = gzerror(bytes->file, &code);
	if (code == Z_OK || (code == Z_BUF_ERROR && !got && gzdirect(bytes->file)))
		return 0;
	if (code == Z_BUF_ERROR)
		return fail(EBADMSG, "Cannot read \"%s\" to its end: its gzip stream breaks off",
			    bytes->path);
	if (code == Z_ERRNO)
		return fail(errno ? errno : EIO, "Cannot read \"%s\": %s", bytes->path,
			    strerror(errno ? errno : EIO));
	return fail(EBADMSG, "Cannot unpack \"%s\" to its end: %s; it is damaged, fetch it again",
		    bytes->path, why);
}

void reader_bytes_close(struct reader_bytes *bytes)
{
	if (bytes->file)
		gzclose_r(bytes->file);
	bytes->file = NULL;
}
