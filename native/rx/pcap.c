// SPDX-License-Identifier: MIT
/*
 * A capture played as a wire: at the recorded pace, faster, or flat out. The file is read whole at open and
 * an index made of what is for the endpoint, so that a look costs no system call and no parsing: it compares
 * a due time with the clock and hands out pointers into the file. It costs memory (the capture, and 32 bytes
 * a datagram) and the time of one pass before the first datagram.
 *
 * Two captures are two lines of one feed: paired, they share their time zero, the earlier first datagram, and
 * neither hands out a datagram before the other has handed out what was recorded earlier. That is what makes
 * arbitration between them the same each time, flat out too.
 *
 * Other flows of the capture are passed over. Checksums are not judged: a capture made where the datagrams
 * were sent shows them before the NIC filled them in. Time begins with the first datagram of the flow. A torn
 * file plays up to where it is torn; then every poll says so.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "capture.h"
#include "dissect.h"
#include "measure/clock.h"
#include "measure/error.h"
#include "rx.h"

#define INDEX_FIRST 4096

/* One packet of the flow. */
struct entry {
	const uint8_t *data;
	uint32_t len;	 /* at `data` */
	uint8_t verdict; /* enum dissect */
	uint8_t tagged, truncated;
	int64_t stamp_ns;
	uint64_t due; /* ticks since the start; flat out 0 */
};

struct pcap {
	struct rx rx;
	struct pcap *other; /* the capture of the other line; NULL = there is none */
	int second;	    /* what has the same stamp comes from the other line first */
	int64_t first_ns;   /* stamp of time zero */
	struct rx_endpoint endpoint;
	char path[sizeof(((struct hp_rx_options *)NULL)->file) + 1];
	struct capture capture;
	struct entry *entries;
	size_t count, room, next;
	size_t packets;	   /* in the whole file */
	uint32_t other_ip; /* where the first datagram of another flow went; port 0: there is none */
	uint16_t other_port;
	int timer; /* what fd() gives out */
	int started, ended;
	uint64_t start;	   /* stamp of the first look */
	double ticks_a_ns; /* over the speed; 0 = flat out */
	int torn;	   /* error at the end of the file, positive; its sentence: */
	char sentence[512];
};

/* ---- the index ---- */

static int refuse_link(const struct pcap *pcap, uint32_t link)
{
	static const struct {
		uint32_t link;
		const char *name;
	} known[] = {{9, "PPP"},	 {105, "802.11"},    {127, "802.11 with radiotap"},
		     {187, "Bluetooth"}, {189, "USB"},	     {220, "USB"},
		     {195, "802.15.4"},	 {227, "CAN"},	     {249, "USB"},
		     {253, "netlink"},	 {229, "IPv6 alone"}};
	const char *name = "see tcpdump.org/linktypes.html";

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].link == link)
			name = known[i].name;
	return fail(
		ENOTSUP,
		"Cannot play \"%s\": packets of link type %u (%s) are in it; Ethernet, raw IP, Linux cooked "
		"and loopback captures can be played",
		pcap->path, link, name);
}

static struct entry *add(struct pcap *pcap)
{
	struct entry *entries;

	if (pcap->count == pcap->room) {
		size_t room = pcap->room ? pcap->room * 2 : INDEX_FIRST;

		entries = realloc(pcap->entries, room * sizeof(*entries));
		if (!entries) {
			fail(ENOMEM, "Cannot play \"%s\": no memory for an index of %zu datagrams",
			     pcap->path, room);
			return NULL;
		}
		pcap->entries = entries;
		pcap->room = room;
	}
	return &pcap->entries[pcap->count++];
}

/* When it is due, in ticks after the first. What has no stamp comes right behind what is before it. */
static uint64_t due(const struct pcap *pcap, int64_t stamp_ns)
{
	double ticks = (double)(stamp_ns - pcap->first_ns) * pcap->ticks_a_ns;

	if (!stamp_ns || !(ticks > 0))
		return 0;
	return ticks < 0x1p62 ? (uint64_t)ticks : (uint64_t)1 << 62;
}

static int index_packet(struct pcap *pcap, const struct capture_packet *packet)
{
	struct dissected found;
	struct entry *entry;
	int verdict = capture_dissect(packet, &found, pcap->endpoint.ip, pcap->endpoint.port);

	pcap->packets++;
	if (verdict < 0)
		return refuse_link(pcap, packet->link);
	if (verdict == DISSECT_OTHER) {
		if (found.port && !pcap->other_port) {
			pcap->other_ip = found.ip;
			pcap->other_port = found.port;
		}
		return 0;
	}
	entry = add(pcap);
	if (!entry)
		return -ENOMEM;
	*entry = (struct entry){.verdict = (uint8_t)verdict, .stamp_ns = packet->stamp_ns};
	if (!pcap->first_ns)
		pcap->first_ns = packet->stamp_ns;
	entry->due = due(pcap, packet->stamp_ns);
	if (verdict != DISSECT_OURS)
		return 0;
	entry->data = found.payload;
	entry->len = found.there < RX_FRAME ? found.there : RX_FRAME;
	entry->truncated = entry->len < found.len;
	entry->tagged = found.tags > 0;
	return 0;
}

/* The whole file, up to where it is torn. */
static int make_index(struct pcap *pcap)
{
	struct capture_packet packet;
	int got, error = 0;

	while (!error && (got = capture_next(&pcap->capture, &packet)) > 0)
		error = index_packet(pcap, &packet);
	if (error || got == 0)
		return error;
	pcap->torn = -got;
	hp_last_error(pcap->sentence, sizeof(pcap->sentence) - 1);
	return pcap->count ? 0 : got;
}

static int refuse_empty(const struct pcap *pcap)
{
	const struct in_addr other = {.s_addr = pcap->other_ip};
	char text[INET_ADDRSTRLEN], hint[64] = "none is a UDP datagram";

	if (pcap->other_port)
		snprintf(hint, sizeof(hint), "the first goes to %s:%u",
			 inet_ntop(AF_INET, &other, text, sizeof(text)), ntohs(pcap->other_port));
	return fail(ENODATA, "Cannot play \"%s\" to %s:%u: none of its %zu packets goes there; %s",
		    pcap->path, pcap->endpoint.address, ntohs(pcap->endpoint.port), pcap->packets, hint);
}

/* ---- the path ---- */

static void pcap_close(struct rx *rx)
{
	struct pcap *pcap = (struct pcap *)rx;

	if (pcap->timer >= 0)
		close(pcap->timer);
	capture_close(&pcap->capture);
	free(pcap->entries);
	free(pcap);
}

static int read_options(struct pcap *pcap, const struct hp_rx_options *options)
{
	double speed = options->speed ? options->speed : 1;

	memcpy(pcap->path, options->file, sizeof(options->file));
	if (!pcap->path[0])
		return fail(EINVAL, "Cannot play a capture: none is named; add file=PATH");
	if (options->pace == HP_PACE_FLAT)
		return 0;
	if (options->pace != HP_PACE_RECORDED || !isfinite(speed) || speed <= 0)
		return fail(
			EINVAL,
			"Cannot play \"%s\" at pace %d, speed %g: it goes as recorded, times a speed above "
			"0, or flat out",
			pcap->path, options->pace, speed);
	pcap->ticks_a_ns = 1 / (hp_clock.ns_per_tick * speed);
	return 0;
}

static void describe(const struct pcap *pcap, const struct hp_rx_options *options)
{
	struct hp_rx_stats *stats = pcap->rx.stats;

	rx_note(stats, "%s, %zu of %zu packets", pcap->capture.ng ? "pcapng" : "pcap", pcap->count,
		pcap->packets);
	if (!pcap->ticks_a_ns)
		rx_note(stats, "flat out");
	else
		rx_note(stats, "%gx", options->speed ? options->speed : 1);
	if (options->wait == HP_WAIT_BUSY_POLL)
		rx_note(stats, "spins: no busy-poll");
}

static int pcap_load(struct pcap *pcap, const struct hp_rx_options *options)
{
	int error = rx_endpoint(&pcap->endpoint, options);

	if (!error)
		error = capture_open(&pcap->capture, pcap->path);
	if (!error)
		error = make_index(pcap);
	if (!error && !pcap->count)
		error = refuse_empty(pcap);
	if (error)
		return error;
	pcap->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (pcap->timer < 0)
		return fail(errno, "Cannot make a timer to play \"%s\" by: %s", pcap->path, strerror(errno));
	return 0;
}

static int pcap_open(struct rx **out, const struct hp_rx_options *options, struct hp_rx_stats *stats)
{
	struct pcap *pcap = calloc(1, sizeof(*pcap));
	int error;

	if (!pcap)
		return fail(ENOMEM, "Cannot open the pcap path: no memory");
	clock_init();
	pcap->rx.ops = &rx_pcap;
	pcap->rx.stats = stats;
	pcap->timer = -1;
	stats->note[0] = 0;
	error = read_options(pcap, options);
	if (!error)
		error = pcap_load(pcap, options);
	if (error) {
		pcap_close(&pcap->rx);
		return error;
	}
	describe(pcap, options);
	*out = &pcap->rx;
	return 0;
}

/* The file is over: silence, or why it is over too early; the other line goes on to its own end before. */
static int at_end(struct pcap *pcap)
{
	pcap->rx.stats->empty += 1;
	if (!pcap->ended)
		rx_note(pcap->rx.stats, pcap->torn ? "torn" : "ended");
	pcap->ended = 1;
	if (pcap->other && pcap->other->next < pcap->other->count)
		return 0;
	return pcap->torn ? fail(pcap->torn, "%s", pcap->sentence) : 0;
}

/* Counts one packet; 1 when it is a datagram to hand out. */
static inline int take(struct hp_rx_stats *stats, const struct entry *entry, struct rx_datagram *out)
{
	if (__builtin_expect(entry->verdict != DISSECT_OURS, 0)) {
		stats->malformed += entry->verdict == DISSECT_MALFORMED;
		stats->fragments += entry->verdict == DISSECT_FRAGMENT;
		stats->truncated += entry->verdict == DISSECT_CUT;
		return 0;
	}
	*out = (struct rx_datagram){entry->data, entry->len, entry->truncated, entry->stamp_ns};
	stats->bytes += entry->len;
	stats->tagged += entry->tagged;
	stats->truncated += entry->truncated;
	stats->stamped += entry->stamp_ns != 0;
	return 1;
}

static void start(struct pcap *pcap, uint64_t now)
{
	pcap->started = 1;
	pcap->start = now;
	if (pcap->other) {
		pcap->other->started = 1;
		pcap->other->start = now;
	}
}

/* The end of what was recorded before the other line's next, at most `end`. */
static const struct entry *before_other(const struct pcap *pcap, const struct entry *end)
{
	const struct entry *entry = pcap->entries + pcap->next;
	const struct pcap *other = pcap->other;
	int64_t until;

	if (other->next == other->count)
		return end;
	until = other->entries[other->next].stamp_ns;
	while (entry < end && (entry->stamp_ns < until || (entry->stamp_ns == until && !pcap->second)))
		entry++;
	return entry;
}

int rx_pcap_pair(struct rx *a, struct rx *b)
{
	struct pcap *lines[] = {(struct pcap *)a, (struct pcap *)b};
	/* 0: its packets have no stamps, and no time to begin with. */
	int later = !lines[0]->first_ns || (lines[1]->first_ns && lines[1]->first_ns < lines[0]->first_ns);
	int64_t first_ns = lines[later]->first_ns;

	if (lines[0]->ticks_a_ns != lines[1]->ticks_a_ns)
		return fail(EINVAL, "Cannot play \"%s\" and \"%s\" as two lines: give both the same speed",
			    lines[0]->path, lines[1]->path);
	for (int i = 0; i < 2; i++) {
		struct pcap *pcap = lines[i];

		pcap->other = lines[!i];
		pcap->second = i;
		pcap->first_ns = first_ns;
		for (size_t n = 0; n < pcap->count; n++)
			pcap->entries[n].due = due(pcap, pcap->entries[n].stamp_ns);
	}
	return 0;
}

static int pcap_poll(struct rx *rx, struct rx_datagram *out, int max)
{
	struct pcap *pcap = (struct pcap *)rx;
	const struct entry *entry = pcap->entries + pcap->next, *end = pcap->entries + pcap->count;
	uint64_t now = 0;
	int count = 0;

	rx->stats->polls += 1;
	if (entry == end)
		return at_end(pcap);
	if (pcap->ticks_a_ns) {
		now = clock_ticks();
		if (!pcap->started)
			start(pcap, now);
		now -= pcap->start;
	}
	if (pcap->other)
		end = before_other(pcap, end - entry > max ? entry + max : end);
	for (; entry < end && count < max && entry->due <= now; entry++)
		count += take(rx->stats, entry, out + count);
	pcap->next = (size_t)(entry - pcap->entries);
	rx->stats->datagrams += count;
	if (!count)
		rx->stats->empty += 1;
	return count;
}

/* Nothing was lent: the file stays. */
static void pcap_release(struct rx *rx)
{
	(void)rx;
}

/* A timer for the next datagram, set anew at each call; it never fires behind the last one of a whole file.
 */
static int pcap_fd(struct rx *rx)
{
	struct pcap *pcap = (struct pcap *)rx;
	struct itimerspec when = {.it_value.tv_nsec = 1};

	if (pcap->next == pcap->count) {
		when.it_value.tv_nsec = pcap->torn ? 1 : 0;
	} else if (pcap->started) {
		uint64_t due = pcap->start + pcap->entries[pcap->next].due, now = clock_ticks();
		uint64_t ns = due > now ? clock_ns(due - now) : 0;

		when.it_value.tv_sec = (time_t)(ns / 1000000000);
		when.it_value.tv_nsec = (long)(ns % 1000000000) + !ns;
	}
	timerfd_settime(pcap->timer, 0, &when, NULL);
	return pcap->timer;
}

static void pcap_refresh(struct rx *rx)
{
	(void)rx;
}

const struct rx_ops rx_pcap = {
	.name = "pcap",
	.open = pcap_open,
	.poll = pcap_poll,
	.release = pcap_release,
	.fd = pcap_fd,
	.refresh = pcap_refresh,
	.close = pcap_close,
};
