// SPDX-License-Identifier: MIT
/*
 * The pcap receive path: the common cases, played from captures the sender writes; every form of file; what
 * is wrong with files, said with its place; pace.
 */
#include <math.h>

#include "captures.h"
#include "conform.h"
#include "measure/clock.h"
#include "rx/capture.h"

#define START_NS 1700000000123456789ll

/* ---- the common cases: what is sent is written down, and played when it is asked for ---- */

struct late {
	struct rx rx;
	struct rx *inner; /* NULL: nothing was sent yet ... */
	int place;	  /* ... and this stands for its descriptor */
	struct hp_rx_options options;
};

static const struct form plain = {.name = "pcap", .nano = 1, .link = 1};
static size_t unplayed; /* datagrams in the capture being written */

static int paper_sender(void)
{
	return dup(2);
}

static void paper_send(int fd, const struct sockaddr_in *to, const void *data, size_t len)
{
	struct timespec now;
	char ip[INET_ADDRSTRLEN];

	(void)fd;
	if (!unplayed++)
		make_begin(&plain);
	clock_gettime(CLOCK_REALTIME, &now);
	make_datagram(now.tv_sec * 1000000000ll + now.tv_nsec,
		      inet_ntop(AF_INET, &to->sin_addr, ip, sizeof(ip)), ntohs(to->sin_port), data,
		      (uint32_t)len);
}

static void paper_prepare(struct hp_rx_options *options)
{
	memset(options->ifname, 0, sizeof(options->ifname));
	options->pace = HP_PACE_FLAT;
	snprintf(options->file, sizeof(options->file), "%s", made_path);
}

static const struct path_wire paper_wire = {
	.lacks = PATH_JOINS_NOTHING | PATH_NAMES_NOTHING | PATH_OPENS_LATE,
	.prepare = paper_prepare,
	.sender = paper_sender,
	.send = paper_send,
};

static const struct rx_ops late_ops;

/* Everything but the capture is checked by opening one without packets. */
static int late_open(struct rx **out, const struct hp_rx_options *options, struct hp_rx_stats *stats)
{
	struct late *late;
	struct rx *none;
	int error;

	unplayed = 0;
	make_begin(&plain);
	make_end();
	error = rx_pcap.open(&none, options, stats);
	if (error != -ENODATA)
		return error;
	late = calloc(1, sizeof(*late));
	late->rx = (struct rx){.ops = &late_ops, .stats = stats};
	late->options = *options;
	late->place = dup(2);
	*out = &late->rx;
	return 0;
}

static void late_close_inner(struct late *late)
{
	if (late->inner)
		rx_pcap.close(late->inner);
	else
		close(late->place);
}

static void late_play(struct late *late)
{
	late_close_inner(late);
	make_end();
	unplayed = 0;
	CHECK_EQ(rx_pcap.open(&late->inner, &late->options, late->rx.stats), 0);
}

static int late_poll(struct rx *rx, struct rx_datagram *out, int max)
{
	struct late *late = (struct late *)rx;
	int count = late->inner ? rx_pcap.poll(late->inner, out, max) : 0;

	if (count || !unplayed)
		return count;
	late_play(late);
	return rx_pcap.poll(late->inner, out, max);
}

static void late_release(struct rx *rx)
{
	if (((struct late *)rx)->inner)
		rx_pcap.release(((struct late *)rx)->inner);
}

static int late_fd(struct rx *rx)
{
	struct late *late = (struct late *)rx;

	if (unplayed)
		late_play(late);
	return late->inner ? rx_pcap.fd(late->inner) : -1;
}

static void late_refresh(struct rx *rx)
{
	(void)rx;
}

static void late_close(struct rx *rx)
{
	late_close_inner((struct late *)rx);
	free(rx);
}

static const struct rx_ops late_ops = {
	.name = "pcap",
	.open = late_open,
	.poll = late_poll,
	.release = late_release,
	.fd = late_fd,
	.refresh = late_refresh,
	.close = late_close,
};

/* ---- playing a file ---- */

static struct hp_rx_options play_options(void)
{
	return path_options(WIRE_GROUP, "");
}

static struct rx *play(void)
{
	struct hp_rx_options options = play_options();
	struct rx *rx = NULL;

	if (path_try(&rx, &options)) {
		wire_said("?");
		CHECK(!"open");
	}
	return rx;
}

static void play_refused(const struct hp_rx_options *options, int error, const char *word)
{
	int fds = wire_fds();
	struct rx *rx;

	CHECK_EQ(path_try(&rx, options), -error);
	CHECK(wire_said(word));
	CHECK_EQ(wire_fds(), fds);
}

static void refused(int error, const char *word)
{
	struct hp_rx_options options = play_options();

	play_refused(&options, error, word);
}

/* ---- forms ---- */

static const int64_t form_stamps[] = {START_NS, START_NS + 1000, START_NS + 1234567, START_NS + 4000000000};
static const uint32_t form_sizes[] = {40, 0, 7, 1472};

static void make_form(const struct form *form)
{
	uint8_t data[1472];

	make_begin(form);
	for (uint32_t i = 0; i < 4; i++) {
		for (uint32_t at = 0; at < form_sizes[i]; at++)
			data[at] = (uint8_t)(at * 3 + i);
		make_datagram(form_stamps[i], WIRE_GROUP, WIRE_PORT, data, form_sizes[i]);
		if (form->ng && i == 1)
			make_section(form); /* files put together have several */
	}
	make_end();
}

/* What a stamp becomes in units of `resolution`. */
static int64_t cut(int64_t ns, const struct form *form)
{
	unsigned __int128 units = 1;

	if (form->simple)
		return 0;
	if (!form->ng)
		return form->nano ? ns : ns / 1000 * 1000;
	made_form = *form;
	ns -= form->offset * 1000000000;
	if (form->resolution & 0x80)
		units <<= form->resolution & 0x7f;
	else
		for (int i = 0; i < (form->resolution ? form->resolution : 6); i++)
			units *= 10;
	return (int64_t)((unsigned __int128)ns * units / 1000000000 * 1000000000 / units) +
	       form->offset * 1000000000;
}

static void form_plays(const struct form *form)
{
	struct rx_datagram got[RX_BATCH];
	struct rx *rx;

	make_form(form);
	rx = play();
	CHECK_EQ(path_poll(rx, got), 4);
	for (uint32_t i = 0; i < 4; i++) {
		CHECK_EQ(got[i].len, form_sizes[i]);
		CHECK_EQ(got[i].truncated, 0);
		CHECK_EQ(got[i].wire_ns - START_NS, cut(form_stamps[i], form) - START_NS);
		for (uint32_t at = 0; at < form_sizes[i]; at++)
			CHECK_EQ(got[i].data[at], (uint8_t)(at * 3 + i));
	}
	rx->ops->release(rx);
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	CHECK(strstr(path_stats.note, form->ng ? "pcapng, 4 of 4 packets, flat out, ended"
					       : "pcap, 4 of 4 packets, flat out, ended"));
	CHECK_EQ(path_stats.datagrams, 4);
	CHECK_EQ(path_stats.bytes, 40 + 7 + 1472);
	CHECK_EQ(path_stats.stamped, form->simple ? 0 : 4);
	CHECK_EQ(path_stats.tagged, form->tags ? 4 : 0);
	CHECK_EQ(path_stats.malformed + path_stats.truncated + path_stats.fragments, 0);
	rx->ops->close(rx);
}

static void every_form_plays(void)
{
	static const int resolutions[] = {0, 3, 6, 9, 10, 0x80 | 10, 0x80 | 20, 0x80 | 30, 0x80 | 32};
	static const uint32_t links[] = {0, 1, 12, 14, 101, 108, 113, 228, 276};

	for (int bits = 0; bits < 8; bits++)
		form_plays(
			&(struct form){.swapped = bits & 1, .nano = bits & 2, .gzip = bits & 4, .link = 1});
	for (size_t i = 0; i < sizeof(resolutions) / sizeof(resolutions[0]); i++)
		for (int swapped = 0; swapped < 2; swapped++)
			for (int64_t offset = -86400; offset <= 86400; offset += 86400)
				form_plays(&(struct form){.ng = 1,
							  .swapped = swapped,
							  .resolution = resolutions[i],
							  .offset = offset,
							  .link = 1});
	for (int bits = 0; bits < 8; bits++)
		form_plays(&(struct form){.ng = 1,
					  .swapped = bits & 1,
					  .simple = bits & 2,
					  .old = !(bits & 2),
					  .gzip = bits & 4,
					  .link = 1});
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		for (int bits = 0; bits < 4; bits++)
			form_plays(&(struct form){.ng = bits & 1, .swapped = bits & 2, .link = links[i]});
	for (int tags = 1; tags < 4; tags++)
		for (int ng = 0; ng < 2; ng++) {
			form_plays(&(struct form){.ng = ng, .link = 1, .tags = tags});
			form_plays(&(struct form){.ng = ng, .link = 113, .tags = tags});
			form_plays(&(struct form){.ng = ng, .link = 276, .tags = tags});
		}
}

/* zlib and gzip(1) put members behind each other, and so do people (cat a.gz b.gz). */
static void gzip_members_follow_each_other(void)
{
	static uint8_t both[2 * MAKE_ROOM];
	size_t lens[2];
	struct rx_datagram got[RX_BATCH];
	struct rx *rx;
	FILE *file;

	make_begin(&plain);
	for (int i = 0; i < 10; i++)
		make_datagram(START_NS, WIRE_GROUP, WIRE_PORT, "ten", 3);
	save(made, 100, 1);
	file = fopen(made_path, "r");
	lens[0] = fread(both, 1, sizeof(both), file);
	fclose(file);
	save(made + 100, made_len - 100, 1);
	file = fopen(made_path, "r");
	lens[1] = fread(both + lens[0], 1, MAKE_ROOM, file);
	fclose(file);
	file = fopen(made_path, "w");
	CHECK_EQ(fwrite(both, 1, lens[0] + lens[1], file), lens[0] + lens[1]);
	fclose(file);
	rx = play();
	CHECK_EQ(path_poll(rx, got), 10);
	rx->ops->close(rx);
}

/* ---- packets that are not whole datagrams of the flow ---- */

static void each_packet_is_counted_by_name(void)
{
	uint8_t frame[4096], data[3000] = {1};
	struct rx_datagram got[RX_BATCH];
	struct rx *rx;
	uint32_t len;

	make_begin(&plain);
	make_datagram(START_NS, WIRE_GROUP, WIRE_PORT, "one", 3);
	/* others: passed over */
	make_datagram(START_NS, WIRE_GROUP, WIRE_PORT + 1, "port", 4);
	make_datagram(START_NS, "239.255.0.2", WIRE_PORT, "group", 5);
	len = make_link(frame, 0x86dd);
	make_packet(START_NS, frame, len + 40, len + 40);
	len = make_link(frame, 100); /* IEEE 802.3: a length */
	make_packet(START_NS, frame, len + 46, len + 46);
	len = make_link(frame, 0x0800) + make_ipv4(frame + 14, WIRE_GROUP, WIRE_PORT, "tcp", 3);
	frame[14 + 9] = 6;
	make_packet(START_NS, frame, len, len);
	/* cut by the snapshot length: in the payload, in the UDP header, in the IPv4 header, in Ethernet's */
	len = make_link(frame, 0x0800) + make_ipv4(frame + 14, WIRE_GROUP, WIRE_PORT, data, 100);
	make_packet(START_NS, frame, 14 + 28 + 64, len);
	make_packet(START_NS, frame, 14 + 28, len);
	make_packet(START_NS, frame, 14 + 24, len);
	make_packet(START_NS, frame, 14 + 10, len);
	make_packet(START_NS, frame, 0, len);
	/* longer than RX_FRAME */
	make_datagram(START_NS, WIRE_GROUP, WIRE_PORT, data, sizeof(data));
	/* fragments: the first, the last */
	frame[14 + 6] = 0x20;
	make_packet(START_NS, frame, len, len);
	frame[14 + 6] = 0;
	frame[14 + 7] = 9;
	make_packet(START_NS, frame, len, len);
	frame[14 + 7] = 0;
	/* malformed: version, header length, lengths that contradict, runts */
	frame[14] = 0x55;
	make_packet(START_NS, frame, len, len);
	frame[14] = 0x44;
	make_packet(START_NS, frame, len, len);
	frame[14] = 0x45;
	make_packet(START_NS, frame, len - 1, len - 1);
	big16(frame + 16, 27);
	make_packet(START_NS, frame, len, len);
	big16(frame + 16, 128);
	big16(frame + 38, 7);
	make_packet(START_NS, frame, len, len);
	big16(frame + 38, 109);
	make_packet(START_NS, frame, len, len);
	make_packet(START_NS, frame, 13, 13);
	make_packet(START_NS, frame, 20, 20);
	/* padding behind the datagram is normal, as are checksums the NIC had not filled in yet */
	len = make_link(frame, 0x0800) + make_ipv4(frame + 14, WIRE_GROUP, WIRE_PORT, "pad", 3);
	big16(frame + 40, 0x1234);
	make_packet(START_NS, frame, len + 20, len + 20);
	make_end();

	rx = play();
	CHECK_EQ(path_poll(rx, got), 5);
	CHECK(got[0].len == 3 && !memcmp(got[0].data, "one", 3));
	CHECK(got[1].len == 64 && got[1].truncated);
	CHECK(got[2].len == 0 && got[2].truncated);
	CHECK(got[3].len == RX_FRAME && got[3].truncated);
	CHECK(got[4].len == 3 && !memcmp(got[4].data, "pad", 3) && !got[4].truncated);
	CHECK_EQ(path_stats.datagrams, 5);
	CHECK_EQ(path_stats.truncated, 6);
	CHECK_EQ(path_stats.fragments, 2);
	CHECK_EQ(path_stats.malformed, 8);
	CHECK_EQ(path_stats.bad_checksum, 0);
	CHECK(strstr(path_stats.note, "18 of 23 packets"));
	rx->ops->close(rx);
}

/* ---- torn and foreign files ---- */

static void a_torn_file_plays_up_to_there(void)
{
	struct rx_datagram got[RX_BATCH];
	static uint8_t whole[MAKE_ROOM];
	char word[64];

	for (int ng = 0; ng < 2; ng++) {
		size_t first, last, end;

		make_begin(&(struct form){.ng = ng, .nano = 1, .link = 1});
		make_datagram(START_NS, WIRE_GROUP, WIRE_PORT, "first", 5);
		first = made_len;
		make_datagram(START_NS, WIRE_GROUP, WIRE_PORT, "second", 6);
		last = made_len;
		make_datagram(START_NS, WIRE_GROUP, WIRE_PORT, "third", 5);
		end = made_len;
		memcpy(whole, made, end);
		for (size_t len = first + 1; len < end; len++) {
			struct rx *rx;
			int want = len < last ? 1 : 2;

			save(whole, len, len % 2);
			rx = play();
			CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), want);
			CHECK(!memcmp(got[want - 1].data, want == 1 ? "first" : "second", 5));
			for (int again = 0; again < 3; again++) {
				CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), len == last ? 0 : -EBADMSG);
				snprintf(word, sizeof(word), "beyond byte %zu%s: a ",
					 want == 1 ? first : last, len % 2 ? " (unpacked)" : "");
				CHECK(len == last || wire_said(word));
			}
			CHECK(strstr(path_stats.note, len == last ? ", ended" : ", torn"));
			CHECK_EQ(poll(&(struct pollfd){.fd = rx->ops->fd(rx), .events = POLLIN}, 1, 50),
				 len != last);
			rx->ops->close(rx);
		}
		save(whole, first - 1, 0); /* not even one: there is nothing to play first */
		refused(EBADMSG, "of which ");
	}
}

static void a_broken_gzip_plays_up_to_there(void)
{
	static uint8_t packed[MAKE_ROOM];
	struct rx_datagram got[RX_BATCH];
	size_t len;
	FILE *file;

	make_begin(&plain);
	for (uint32_t i = 0; i < 1000; i++)
		make_datagram(START_NS + i, WIRE_GROUP, WIRE_PORT, &(uint32_t){i * 2654435761u}, 4);
	save(made, made_len, 1);
	file = fopen(made_path, "r");
	len = fread(packed, 1, sizeof(packed), file);
	fclose(file);
	for (int corrupt = 0; corrupt < 2; corrupt++) {
		int count, sum = 0;
		struct rx *rx;

		if (corrupt)
			packed[len * 3 / 4] ^= 0x55;
		file = fopen(made_path, "w");
		CHECK_EQ(fwrite(packed, 1, corrupt ? len : len / 2, file), corrupt ? len : len / 2);
		fclose(file);
		rx = play();
		while ((count = rx->ops->poll(rx, got, RX_BATCH)) > 0)
			sum += count;
		CHECK(sum > 100 && sum <= 1000);
		if (!corrupt) {
			CHECK_EQ(count, -EBADMSG);
			CHECK(wire_said("its gzip stream breaks off"));
		}
		rx->ops->close(rx);
	}
	file = fopen(made_path, "w");
	CHECK_EQ(fwrite(packed, 1, 12, file), 12);
	fclose(file);
	refused(EBADMSG, "its gzip stream breaks off at once");
}

static void corrupt_blocks_are_said(void)
{
	struct rx_datagram got[RX_BATCH];
	static uint8_t whole[MAKE_ROOM];
	size_t len, second;
	static const struct {
		int at; /* from the second packet's block on */
		uint32_t value;
		const char *word;
	} faults[] = {
		{4, 8, "a block of 8 bytes is none"},
		{4, 0x7ffffffd, "a block of 2147483645 bytes is none"},
		{4, 0x7ffffffc, "a block has 2147483644 bytes, of which"},
		{4, 40, "a block's two lengths differ (40 and"},
		{8, 1, "a packet is of interface 1, of which nothing was said"},
		{20, 1000, "a packet of 1000 bytes is in a block with room for"},
		{0, 0x0a0d0d0a, "a section of unknown byte order begins"},
	};

	make_begin(&(struct form){.ng = 1, .link = 1});
	make_datagram(START_NS, WIRE_GROUP, WIRE_PORT, "first", 5);
	second = made_len;
	make_datagram(START_NS, WIRE_GROUP, WIRE_PORT, "second", 6);
	len = made_len;
	memcpy(whole, made, len);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		struct rx *rx;

		memcpy(made, whole, len);
		memcpy(made + second + faults[i].at, &faults[i].value, 4);
		save(made, len, 0);
		rx = play();
		CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 1);
		CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), -EBADMSG);
		CHECK(wire_said(faults[i].word));
		rx->ops->close(rx);
	}
	make_begin(&plain);
	make_datagram(START_NS, WIRE_GROUP, WIRE_PORT, "first", 5);
	memcpy(made + 24 + 8, &(uint32_t){262145}, 4);
	make_end();
	refused(EBADMSG, "beyond byte 24: a packet of 262145 bytes is none");
	make_begin(&(struct form){.ng = 1, .link = 1, .resolution = 20});
	make_end();
	refused(EBADMSG, "finer than 64 bits");
	make_begin(&(struct form){.ng = 1, .link = 1});
	for (int i = 0; i < CAPTURE_INTERFACES; i++)
		make_interface(&made_form);
	make_end();
	refused(EBADMSG, "more than 256 interfaces");
}

static void foreign_files_are_refused(void)
{
	struct hp_rx_options options = play_options();

	snprintf(options.file, sizeof(options.file), "/tmp/hpt-none.pcap");
	play_refused(&options, ENOENT, "Cannot load capture \"/tmp/hpt-none.pcap\": no such file");
	snprintf(options.file, sizeof(options.file), "/tmp");
	play_refused(&options, EINVAL, "it is not a file");
	memset(options.file, 0, sizeof(options.file));
	play_refused(&options, EINVAL, "none is named; add file=PATH");
	memset(options.file, 'x', sizeof(options.file)); /* no NUL */
	play_refused(&options, ENOENT, "xxx\": no such file");
	save("", 0, 0);
	refused(EBADMSG, "it is empty");
	save("\xa1\xb2", 2, 0);
	refused(EBADMSG, "it is neither pcap nor pcapng");
	save("exchange,symbol,timestamp", 25, 1);
	refused(EBADMSG, "it is neither pcap nor pcapng");
	make_begin(&plain);
	save(made, 23, 0);
	refused(EBADMSG, "a capture's header has 24 bytes, of which 23 are there");
	made[4] = 3;
	make_end();
	refused(ENOTSUP, "it is of version 3, 2 can be read");
}

static void unknown_links_are_refused(void)
{
	for (int ng = 0; ng < 2; ng++) {
		make_begin(&(struct form){.ng = ng, .link = 127});
		make_packet(START_NS, "radio", 5, 5);
		make_end();
		refused(ENOTSUP, "packets of link type 127 (802.11 with radiotap) are in it");
	}
	make_begin(&(struct form){.link = 999});
	make_packet(START_NS, "?", 1, 1);
	make_end();
	refused(ENOTSUP, "link type 999 (see tcpdump.org/linktypes.html)");
}

static void a_capture_without_the_flow_is_refused(void)
{
	make_begin(&plain);
	make_end();
	refused(ENODATA, "to 239.255.0.1:12345: none of its 0 packets goes there; none is a UDP datagram");
	make_begin(&plain);
	make_datagram(START_NS, "239.255.0.7", 777, "theirs", 6);
	make_end();
	refused(ENODATA, "none of its 1 packets goes there; the first goes to 239.255.0.7:777");
}

static void bad_wishes_are_refused(void)
{
	struct hp_rx_options options = play_options();

	make_form(&plain);
	options.pace = HP_PACE_RATE;
	play_refused(&options, EINVAL, "at pace 0, speed 1");
	options.pace = HP_PACE_RECORDED;
	options.speed = -1;
	play_refused(&options, EINVAL, "speed -1");
	options.speed = (double)NAN;
	play_refused(&options, EINVAL, "speed nan");
}

/* ---- pace ---- */

/* Plays at a pace; no datagram may come before its time, counted from the first look. */
static void pace_is_kept(double speed, int asleep)
{
	static const int64_t after_ms[] = {0, 20, 20, 15, 60, 0}; /* the fourth was recorded out of order */
	static const double due_ms[] = {0, 20, 20, 20, 60, 60};
	struct hp_rx_options options = play_options();
	struct rx_datagram got[RX_BATCH];
	struct pollfd wait = {.events = POLLIN};
	uint32_t next = 0;
	double start = 0;
	struct rx *rx;

	make_begin(&plain);
	for (uint32_t i = 0; i < 6; i++)
		make_datagram(START_NS + after_ms[i] * 1000000, WIRE_GROUP, WIRE_PORT, &i, sizeof(i));
	make_end();
	options.pace = HP_PACE_RECORDED;
	options.speed = speed;
	CHECK_EQ(path_try(&rx, &options), 0);
	while (next < 6) {
		double now;
		int count;

		if (asleep) {
			wait.fd = rx->ops->fd(rx);
			CHECK_EQ(poll(&wait, 1, 1000), 1);
		}
		start = start ? start : wire_seconds();
		count = rx->ops->poll(rx, got, RX_BATCH);
		now = (wire_seconds() - start) * 1000;
		for (int i = 0; i < count; i++, next++) {
			uint32_t number;

			memcpy(&number, got[i].data, sizeof(number));
			CHECK_EQ(number, next);
			CHECK(now >= due_ms[next] / speed * 0.999 - 0.01);
			CHECK_EQ(got[i].wire_ns - START_NS, after_ms[next] * 1000000);
		}
	}
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	CHECK_EQ(poll(&(struct pollfd){.fd = rx->ops->fd(rx), .events = POLLIN}, 1, 20), 0);
	rx->ops->close(rx);
}

static void no_datagram_comes_early(void)
{
	for (int asleep = 0; asleep < 2; asleep++) {
		pace_is_kept(1, asleep);
		pace_is_kept(4, asleep);
		pace_is_kept(0.5, asleep);
	}
}

static void flat_out_comes_in_batches(void)
{
	struct rx_datagram got[RX_BATCH];
	struct rx *rx;

	make_begin(&plain);
	for (uint32_t i = 0; i < 1000; i++)
		make_datagram(START_NS + i * 1000000000ll, WIRE_GROUP, WIRE_PORT, &i, sizeof(i));
	make_end();
	rx = play();
	for (uint32_t next = 0; next < 1000;) {
		int want = next % 3 ? 7 : RX_BATCH, count;

		CHECK_EQ(poll(&(struct pollfd){.fd = rx->ops->fd(rx), .events = POLLIN}, 1, 1000), 1);
		count = rx->ops->poll(rx, got, want);
		CHECK(count == want || next + (uint32_t)count == 1000);
		for (int i = 0; i < count; i++, next++)
			CHECK(!memcmp(got[i].data, &next, 4));
		rx->ops->release(rx);
	}
	rx->ops->close(rx);
}

static void playing_never_allocates(void)
{
	struct hp_rx_options options = play_options();
	struct rx_datagram got[RX_BATCH];
	struct rx *rx;

	make_form(&plain);
	options.pace = HP_PACE_RECORDED;
	options.speed = 1e6;
	CHECK_EQ(path_try(&rx, &options), 0);
	wire_count_works();
	wire_counting = 1;
	for (int next = 0; next < 4;) {
		poll(&(struct pollfd){.fd = rx->ops->fd(rx), .events = POLLIN}, 1, 1000);
		next += rx->ops->poll(rx, got, RX_BATCH);
	}
	CHECK_EQ(rx->ops->poll(rx, got, RX_BATCH), 0);
	rx->ops->refresh(rx);
	wire_counting = 0;
	CHECK_EQ(wire_allocations, 0);
	rx->ops->close(rx);
}

int main(void)
{
	wire_up();
	clock_init();
	__sanitizer_install_malloc_and_free_hooks(wire_malloc, wire_free);
	save("", 0, 0); /* names the file */
	path_wire = &paper_wire;
	path_conforms(&late_ops);
	path_ops = &rx_pcap;
	RUN(every_form_plays);
	RUN(gzip_members_follow_each_other);
	RUN(each_packet_is_counted_by_name);
	RUN(a_torn_file_plays_up_to_there);
	RUN(a_broken_gzip_plays_up_to_there);
	RUN(corrupt_blocks_are_said);
	RUN(foreign_files_are_refused);
	RUN(unknown_links_are_refused);
	RUN(a_capture_without_the_flow_is_refused);
	RUN(bad_wishes_are_refused);
	RUN(no_datagram_comes_early);
	RUN(flat_out_comes_in_batches);
	RUN(playing_never_allocates);
	return 0;
}
