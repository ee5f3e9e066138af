/* SPDX-License-Identifier: MIT */
/*
 * Streams of real captures: every number of theirs is stated elsewhere (packets, heartbeats, what two lossy
 * lines both lost). The captures lie outside the repository (HOTPATH_SHARED, or ../shared next to it).
 */
#include <arpa/inet.h>

#include <sys/socket.h>

#include "feed/iex.h"
#include "feed/itch50.h"
#include "feed/recovery.h"
#include "rx/capture.h"
#include "rx/dissect.h"
#include "stream_lab.h"

static struct lab lab;
static struct capture captures[2];

struct source {
	struct capture *capture;
	struct dissected found;
	uint32_t ip, line;
	uint16_t port;
	int64_t stamp_ns; /* of the datagram found; 0 = no more */
};

static void open_source(struct source *source, uint32_t line, const char *path, const char *group,
			uint16_t port)
{
	*source = (struct source){.capture = &captures[line], .line = line, .port = htons(port)};
	CHECK_EQ(inet_pton(AF_INET, group, &source->ip), 1);
	CHECK_EQ(capture_open(source->capture, path), 0);
}

/* The next datagram; a capture that is torn ends there. */
static void advance(struct source *source)
{
	struct capture_packet packet;

	source->stamp_ns = 0;
	while (capture_next(source->capture, &packet) == 1) {
		if (capture_dissect(&packet, &source->found, source->ip, source->port))
			continue;
		source->stamp_ns = packet.stamp_ns;
		return;
	}
}

/* Plays captures, merged by their stamps. */
static void play(struct source *sources, int count)
{
	int64_t base = 0;
	uint64_t start = lab.now;

	for (int i = 0; i < count; i++)
		advance(&sources[i]);
	for (;;) {
		struct source *first = NULL;

		for (int i = 0; i < count; i++)
			if (sources[i].stamp_ns && (!first || sources[i].stamp_ns < first->stamp_ns))
				first = &sources[i];
		if (!first)
			break;
		base = base ? base : first->stamp_ns;
		lab.now = start + clock_to_ticks((uint64_t)(first->stamp_ns - base));
		lab_drain(&lab);
		lab_push_bytes(&lab, first->line, first->found.payload, first->found.len);
		if (lab.idle)
			lab.idle();
		advance(first);
	}
	lab_later(&lab, 10000000);
	if (lab.idle)
		lab.idle();
	for (int i = 0; i < count; i++)
		capture_close(sources[i].capture);
}

static int open_lab(const struct framing *framing)
{
	lab_open_with(&lab, framing, NULL);
	lab.any_bytes = 1;
	return 1;
}

static void an_hour_without_loss(void)
{
	const char *path = lab_shared("moldudp/aapl_mold_clean.pcap.gz");
	struct source source;

	if (!path)
		return;
	open_lab(&framing_moldudp64);
	open_source(&source, 0, path, "233.54.12.111", 26400);
	play(&source, 1);
	lab_handed(&lab, 1, 88157);
	CHECK_EQ(lab.stats.lines[0].packets, 77274);
	CHECK_EQ(lab.stats.lines[0].heartbeats, 311);
	CHECK_EQ(lab.stats.lines[0].ends, 3);
	CHECK_EQ(lab.stats.lines[0].messages, 88157);
	CHECK_EQ(lab.stats.lines[0].refused + lab.stats.lines[0].gaps + lab.stats.lines[0].reordered, 0);
	CHECK_EQ(lab.decoder.report.messages['A'], 40408);
	CHECK_EQ(lab.decoder.report.messages['D'], 37076);
	CHECK_EQ(lab.gap_count, 0);
	CHECK_EQ(lab.stats.waiting_max, 0);
	lab_close(&lab);
}

static void a_lossy_line_alone(void)
{
	const char *path = lab_shared("moldudp/aapl_mold_lossyA.pcap.gz");
	struct source source;

	if (!path)
		return;
	open_lab(&framing_moldudp64);
	open_source(&source, 0, path, "233.54.12.111", 26400);
	play(&source, 1);
	CHECK_EQ(lab.stats.lines[0].gaps, 1020);
	CHECK_EQ(lab.stats.lines[0].missing, 1192);
	CHECK_EQ(lab.stats.lines[0].reordered, 278);
	CHECK_EQ(lab.stats.lines[0].duplicates, 283);
	CHECK_EQ(lab.stats.lost, 1192 - 278);
	CHECK_EQ(lab.handed_count + lab.stats.lost, 88157);
	lab_close(&lab);
}

/* The stated ranges: [first, last], ... after "bothLostRanges". */
static int read_ranges(const char *path, int64_t (*ranges)[2], int most)
{
	static char text[8192];
	FILE *file = fopen(path, "r");
	int count = 0, used;
	char *at;

	CHECK(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = 0;
	fclose(file);
	at = strstr(text, "bothLostRanges");
	CHECK(at && (at = strchr(at, '[')));
	for (at++;
	     count < most && sscanf(at, " [ %ld , %ld ]%n", &ranges[count][0], &ranges[count][1], &used) == 2;
	     count++) {
		at += used;
		at += strspn(at, " \n,");
	}
	return count;
}

static void two_lossy_lines(void)
{
	const char *a = lab_shared("moldudp/aapl_mold_lossyA.pcap.gz");
	const char *b = lab_shared("moldudp/aapl_mold_lossyB.pcap.gz");
	const char *expected = lab_shared("moldudp/aapl_mold_lossy.expected.json");
	struct source sources[2];
	int64_t ranges[HP_STREAM_HOLES][2];
	int count;

	if (!a || !b || !expected)
		return;
	count = read_ranges(expected, ranges, HP_STREAM_HOLES);
	CHECK_EQ(count, 39);
	open_lab(&framing_moldudp64);
	open_source(&sources[0], 0, a, "233.54.12.111", 26400);
	open_source(&sources[1], 1, b, "233.49.196.111", 26400);
	play(sources, 2);
	CHECK_EQ(lab.stats.holes, 39);
	CHECK_EQ(lab.stats.gaps, 39);
	CHECK_EQ(lab.stats.lost, 48);
	for (int i = 0; i < count; i++) {
		CHECK_EQ(lab.stats.first_hole[i], ranges[i][0]);
		CHECK_EQ(lab.stats.last_hole[i], ranges[i][1]);
	}
	CHECK_EQ(lab.handed_count, 88157 - 48);
	CHECK_EQ(lab.stats.lines[0].won + lab.stats.lines[1].won, 88157 - 48);
	printf("A won %g, B won %g; skew %g..%g ns of %g\n", lab.stats.lines[0].won, lab.stats.lines[1].won,
	       lab.stats.skew.min, lab.stats.skew.max, lab.stats.skew.count);
	lab_close(&lab);
}

/* The re-request server: messages of the clean capture, wherever they lie in it. */
static struct {
	int fd;
	struct capture clean;
	const uint8_t *messages[100000]; /* by number: length and bytes */
} server;

static uint32_t length_at(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t open_server(const char *path)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct source source = {.capture = &server.clean, .port = htons(26400)};
	socklen_t size = sizeof(address);
	struct packet_header header;

	server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CHECK_EQ(bind(server.fd, (struct sockaddr *)&address, size), 0);
	CHECK_EQ(getsockname(server.fd, (struct sockaddr *)&address, &size), 0);
	CHECK_EQ(inet_pton(AF_INET, "233.54.12.111", &source.ip), 1);
	CHECK_EQ(capture_open(&server.clean, path), 0);
	for (advance(&source); source.stamp_ns; advance(&source)) {
		CHECK_EQ(framing_moldudp64.read(source.found.payload, source.found.len, &header), 0);
		for (uint32_t i = 0; i < header.count; i++) {
			server.messages[header.seq + i] = header.payload;
			header.payload += 2 + length_at(header.payload);
		}
	}
	return ntohs(address.sin_port);
}

static void serve(void)
{
	struct sockaddr_in peer;
	socklen_t size = sizeof(peer);
	struct packet_header header;
	uint8_t bytes[64];
	ssize_t len;

	while ((len = recvfrom(server.fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&peer, &size)) > 0) {
		CHECK_EQ(framing_moldudp64.read(bytes, (uint32_t)len, &header), 0);
		lab_header("LOBAAPL001", header.seq, header.count);
		for (int64_t number = header.seq; number < header.seq + header.count; number++) {
			uint32_t some = 2 + length_at(server.messages[number]);

			memcpy(lab_bytes + lab_len, server.messages[number], some);
			lab_len += some;
		}
		CHECK_EQ(sendto(server.fd, lab_bytes, lab_len, 0, (struct sockaddr *)&peer, size), lab_len);
		lab_drain(&lab);
	}
}

static void two_lossy_lines_and_a_server(void)
{
	const char *a = lab_shared("moldudp/aapl_mold_lossyA.pcap.gz");
	const char *b = lab_shared("moldudp/aapl_mold_lossyB.pcap.gz");
	const char *clean = lab_shared("moldudp/aapl_mold_clean.pcap.gz");
	struct hp_recovery_options options = {.request_address = "127.0.0.1"};
	struct recovery *recovery;
	struct source sources[2];

	if (!a || !b || !clean)
		return;
	options.request_port = open_server(clean);
	CHECK_EQ(recovery_open(&recovery, &options, &framing_moldudp64, &lab.stats), 0);
	lab_open_with(&lab, &framing_moldudp64, recovery);
	lab.any_bytes = 1;
	lab.idle = serve;
	open_source(&sources[0], 0, a, "233.54.12.111", 26400);
	open_source(&sources[1], 1, b, "233.49.196.111", 26400);
	play(sources, 2);
	lab_handed(&lab, 1, 88157);
	CHECK_EQ(lab.stats.lost, 0);
	CHECK_EQ(lab.stats.recovered, 48);
	CHECK_EQ(lab.stats.holes, 0);
	CHECK_EQ(lab.stats.stale, 0);
	CHECK(lab.repairs > 0 && lab.repairs <= 39);
	CHECK_EQ(lab.decoder.report.messages['A'], 40408);
	lab_close(&lab);
	capture_close(&server.clean);
	close(server.fd);
}

/* The decoders that belong to them. */
static void decoded(void)
{
	const char *mold = lab_shared("moldudp/aapl_mold_clean.pcap.gz"),
		   *deep = lab_shared("iex/DEEP10.pcap.gz");
	static struct symbols symbols;
	static struct hp_report report;
	struct decoder *decoder;
	struct source source;

	if (!mold || !deep)
		return;
	for (int iex = 0; iex < 2; iex++) {
		memset(&report, 0, sizeof(report));
		symbols_init(&symbols, HP_SYMBOLS);
		CHECK_EQ((iex ? deep_open : itch50_open)(&decoder, &report, &symbols), 0);
		memset(&lab, 0, sizeof(lab));
		lab.hash = lab.any_bytes = 1;
		CHECK_EQ(stream_open(&lab.feed, iex ? &framing_iextp : &framing_moldudp64, decoder, NULL,
				     &lab.stats, 0),
			 0);
		lab.now = clock_ticks();
		if (iex)
			open_source(&source, 0, deep, "224.2.3.10", 16648);
		else
			open_source(&source, 0, mold, "233.54.12.111", 26400);
		play(&source, 1);
		CHECK_EQ(lab.handed_count, iex ? 391999 + 11 : 88157);
		for (int fault = 0; fault < HP_FAULTS; fault++)
			CHECK_EQ(report.faults[fault], 0);
		lab.feed->ops->close(lab.feed);
	}
}

static void a_sample_with_eleven_restarts(void)
{
	const char *path = lab_shared("iex/DEEP10.pcap.gz");
	struct source source;
	uint32_t clears = 0;

	if (!path)
		return;
	open_lab(&framing_iextp);
	open_source(&source, 0, path, "224.2.3.10", 16648);
	play(&source, 1);
	for (uint32_t i = 0; i < lab.handed_count; i++)
		clears += lab.handed[i] == 0;
	CHECK_EQ(clears, 11);
	CHECK_EQ(lab.stats.sessions, 12);
	CHECK_EQ(lab.stats.lines[0].packets, 121314);
	CHECK_EQ(lab.stats.lines[0].heartbeats, 7937);
	CHECK_EQ(lab.stats.lines[0].messages, 391999);
	CHECK_EQ(lab.handed_count, 391999 + 11);
	CHECK_EQ(lab.decoder.report.messages['T'], 83343);
	CHECK_EQ(lab.decoder.report.faults[HP_FAULT_SEQUENCE_BACK], 0);
	CHECK_EQ(lab.stats.lines[0].refused, 0);
	CHECK_EQ(lab.gap_count, 0);
	lab_close(&lab);
}

int main(void)
{
	RUN(an_hour_without_loss);
	RUN(a_lossy_line_alone);
	RUN(two_lossy_lines);
	RUN(two_lossy_lines_and_a_server);
	RUN(decoded);
	RUN(a_sample_with_eleven_restarts);
	return 0;
}
