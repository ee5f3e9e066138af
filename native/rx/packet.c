// SPDX-License-Identifier: MIT
/*
 * AF_PACKET with a mapped ring: frames are copied once, by the kernel, into memory of ours, before its own
 * stack looks at them. A spinning receiver reads one status word and makes no system call.
 *
 * V2 (packet_v2.c, the default) hands over frame by frame: latency. V3 (packet_v3.c) by blocks, or after a
 * millisecond: throughput. What may enter at all: packet_filter.c.
 *
 * What it trades: it needs CAP_NET_RAW, it is a copy (the kernel's stack goes on to handle the flow, and
 * others may receive it), fragments are not put together, and datagrams that a sender's segmentation offload
 * or GRO merged arrive merged. The socket is of ETH_P_ALL, not ETH_P_IP: taps of all protocols come first,
 * and see a VLAN tag before it is forgotten. All queues of the interface end in the one ring. The kernel
 * notes no NAPI instance on a packet socket (SO_INCOMING_NAPI_ID stays 0) and so has none to poll:
 * wait=busy-poll spins. See packet(7), Documentation/networking/packet_mmap.rst.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/net_tstamp.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure/error.h"
#include "packet.h"

#define RING_DEFAULT (8u << 20)
#define RING_MAX     (256u << 20) /* of the kernel's memory, which nobody can swap out */
#define BLOCK_V2     (64u << 10)
#define BLOCK_V3     (128u << 10)
#define RETIRE_MS    1	/* V3: a block that is not full is handed over after so long */
#define BEFORE_IP    80 /* V2: where a frame's IP packet begins */
/* linux/if_packet.h of before 6.2 does not have it. */
#define FANOUT_IGNORE_OUTGOING 0x4000 /* PACKET_FANOUT_FLAG_IGNORE_OUTGOING */

static int check(const struct rx_endpoint *endpoint, const struct hp_rx_options *options)
{
	if (!endpoint->ifindex)
		return fail(EINVAL, "Cannot receive %s by packet: no interface named; add if=NAME",
			    endpoint->address);
	if (!endpoint->ip)
		return fail(EINVAL,
			    "Cannot receive 0.0.0.0 by packet: it lets in one address; name the group or the "
			    "interface's own");
	if (options->fanout > 65535)
		return fail(EINVAL, "Cannot join fanout group %u: 1 to 65535 are possible", options->fanout);
	return 0;
}

/* Of protocol 0: until it is bound it receives nothing. */
static int open_socket(struct packet *packet)
{
	packet->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (packet->fd >= 0)
		return 0;
	if (errno == EPERM)
		return fail(EPERM,
			    "Cannot make a packet socket: not allowed; packet needs CAP_NET_RAW (run as "
			    "root, or in a user namespace of your own: unshare -Urn), udp and uring need "
			    "nothing");
	return fail(errno, "Cannot make a packet socket: %s; it needs a kernel with CONFIG_PACKET",
		    strerror(errno));
}

/* Bytes of a V2 frame: room for what the interface carries, and for no more than is handed on. Or fail(...).
 */
static int choose_frame(const struct packet *packet)
{
	struct ifreq request = {0};

	memcpy(request.ifr_name, packet->endpoint.ifname, sizeof(request.ifr_name));
	if (ioctl(packet->fd, SIOCGIFHWADDR, &request))
		return fail(errno, "Cannot ask what interface \"%s\" is: %s", request.ifr_name,
			    strerror(errno));
	if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER && request.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK)
		return fail(EOPNOTSUPP,
			    "Cannot receive on \"%s\" by packet: its frames are not Ethernet's; udp and "
			    "uring can",
			    request.ifr_name);
	if (ioctl(packet->fd, SIOCGIFMTU, &request))
		return fail(errno, "Cannot ask for the MTU of \"%s\": %s", request.ifr_name, strerror(errno));
	return request.ifr_mtu + BEFORE_IP > RX_FRAME ? 2 * RX_FRAME : RX_FRAME;
}

static uint32_t power_of_two_below(uint32_t value)
{
	return 1u << (31 - __builtin_clz(value));
}

static uint32_t within(uint32_t value, uint32_t least, uint32_t most)
{
	return value < least ? least : value > most ? most : value;
}

/* Slots are powers of two, and so are blocks: the ring is one array. */
static struct tpacket_req3 choose_ring(uint32_t wanted, uint32_t frame, int v3)
{
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE), bytes, block;

	bytes = power_of_two_below(wanted ? wanted : RING_DEFAULT);
	if (v3) {
		bytes = within(bytes, 2 * page, RING_MAX);
		block = within(bytes / 16, page, BLOCK_V3);
	} else {
		bytes = within(bytes, 2 * frame > page ? 2 * frame : page, RING_MAX);
		block = bytes < BLOCK_V2 ? bytes : BLOCK_V2;
	}
	return (struct tpacket_req3){
		.tp_block_size = block,
		.tp_block_nr = bytes / block,
		.tp_frame_size = frame,
		.tp_frame_nr = bytes / frame,
		.tp_retire_blk_tov = RETIRE_MS,
	};
}

/* Its pages are the kernel's and are all there once it is mapped; being locked besides is a wish. */
static int map_ring(struct packet *packet)
{
	int flags = MAP_SHARED | MAP_POPULATE;
	void *ring =
		mmap(NULL, packet->ring_bytes, PROT_READ | PROT_WRITE, flags | MAP_LOCKED, packet->fd, 0);

	if (ring == MAP_FAILED)
		ring = mmap(NULL, packet->ring_bytes, PROT_READ | PROT_WRITE, flags, packet->fd, 0);
	if (ring == MAP_FAILED)
		return fail(errno, "Cannot map a ring of %zu KiB: %s", packet->ring_bytes >> 10,
			    strerror(errno));
	packet->ring = ring;
	return 0;
}

static int open_ring(struct packet *packet, uint32_t wanted, int v3)
{
	int version = v3 ? TPACKET_V3 : TPACKET_V2, frame = choose_frame(packet);
	struct tpacket_req3 ring;

	if (frame < 0)
		return frame;
	ring = choose_ring(wanted, (uint32_t)frame, v3);
	packet->unit = v3 ? ring.tp_block_size : ring.tp_frame_size;
	packet->count = v3 ? ring.tp_block_nr : ring.tp_frame_nr;
	packet->ring_bytes = (size_t)packet->unit * packet->count;
	if (setsockopt(packet->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
	    setsockopt(packet->fd, SOL_PACKET, PACKET_RX_RING, &ring,
		       v3 ? sizeof(ring) : sizeof(struct tpacket_req)))
		return fail(errno, "Cannot make a ring of %zu KiB: %s; ask for less with rcvbuf=BYTES",
			    packet->ring_bytes >> 10, strerror(errno));
	rx_note(packet->rx.stats, v3 ? "V3, %u blocks of %u KiB" : "V2, %u frames", packet->count,
		packet->unit >> 10);
	return map_ring(packet);
}

/* The kernel's, where the frame entered the stack. A frame has room for one: a NIC's would come alone, and
 * nothing would tell whether its clock follows the system's. */
static void ask_for_stamps(struct packet *packet)
{
	int software = SOF_TIMESTAMPING_SOFTWARE, receive = SOF_TIMESTAMPING_RX_SOFTWARE;

	packet->stamps = 1;
	if (!setsockopt(packet->fd, SOL_PACKET, PACKET_TIMESTAMP, &software, sizeof(software)) &&
	    !setsockopt(packet->fd, SOL_SOCKET, SO_TIMESTAMPING, &receive, sizeof(receive)))
		rx_note(packet->rx.stats, "kernel stamps");
	else
		rx_note(packet->rx.stats, "kernel stamps, of the ring");
}

static int bind_to(struct packet *packet)
{
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = packet->endpoint.ifindex,
	};
	const int on = 1;

	/* Spares the kernel the look at what we send; the filter refuses it in any case. */
	setsockopt(packet->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
	if (packet_filter_nothing(packet->fd) ||
	    bind(packet->fd, (const struct sockaddr *)&address, sizeof(address)))
		return fail(errno, "Cannot bind a packet socket to \"%s\": %s", packet->endpoint.ifname,
			    strerror(errno));
	return 0;
}

/* By HASH, so that every sender's datagrams stay together and in order; by CPU, a sender's would change hands
 * whenever the scheduler moves it. */
static int join_fanout(struct packet *packet, uint32_t group)
{
	uint32_t value = group | (PACKET_FANOUT_HASH | FANOUT_IGNORE_OUTGOING) << 16;

	if (!group)
		return 0;
	if (!setsockopt(packet->fd, SOL_PACKET, PACKET_FANOUT, &value, sizeof(value))) {
		rx_note(packet->rx.stats, "fanout %u by hash", group);
		return 0;
	}
	if (errno == EINVAL)
		return fail(EINVAL,
			    "Cannot join fanout group %u on \"%s\": a group of that number has another "
			    "interface or mode, or the interface is down; take another number",
			    group, packet->endpoint.ifname);
	return fail(errno, "Cannot join fanout group %u on \"%s\": %s", group, packet->endpoint.ifname,
		    strerror(errno));
}

/*
 * A unicast port that no socket has would be answered for with ICMP, which a connected sender takes as an
 * error: one that lets nothing in keeps the kernel quiet. Who has the port already, or wants it later, comes
 * before it.
 */
static int hold_port(const struct rx_endpoint *endpoint)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = endpoint->port, .sin_addr.s_addr = endpoint->ip};
	int fd, on = 1;

	if (endpoint->multicast)
		return -1;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (!packet_filter_nothing(fd) && !setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) &&
	    !bind(fd, (const struct sockaddr *)&address, sizeof(address)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		return fd;
	close(fd);
	return -1;
}

void packet_close(struct rx *rx)
{
	struct packet *packet = (struct packet *)rx;

	if (packet->ring)
		munmap(packet->ring, packet->ring_bytes);
	if (packet->fd >= 0)
		close(packet->fd);
	if (packet->holder >= 0)
		close(packet->holder);
	rx_socket_close(packet->group, &packet->endpoint);
	free(packet);
}

/*
 * A socket can join a fanout group only once it is bound, and would until then receive what the group's
 * others have as well. So it lets nothing in at first, and the flow when it is in its place; nothing else
 * ever.
 */
static int open_all(struct packet *packet, const struct hp_rx_options *options)
{
	int error = rx_endpoint(&packet->endpoint, options);

	if (!error)
		error = check(&packet->endpoint, options);
	if (!error)
		error = open_socket(packet);
	if (!error)
		error = open_ring(packet, options->rcvbuf, options->flags & HP_RX_V3);
	if (error)
		return error;
	if (options->flags & HP_RX_STAMPS)
		ask_for_stamps(packet);
	if (options->wait == HP_WAIT_BUSY_POLL)
		rx_note(packet->rx.stats, "no busy-poll on packet sockets: spins");
	error = bind_to(packet);
	if (!error)
		error = join_fanout(packet, options->fanout);
	if (!error)
		error = packet_filter_flow(packet->fd, &packet->endpoint);
	if (!error)
		error = rx_socket_join(&packet->endpoint, &packet->group);
	if (!error)
		packet->holder = hold_port(&packet->endpoint);
	return error;
}

int packet_open(struct rx **out, const struct hp_rx_options *options, struct hp_rx_stats *stats)
{
	struct packet *packet = calloc(1, sizeof(*packet));
	int error;

	if (!packet)
		return fail(ENOMEM, "Cannot open the packet path: no memory");
	packet->rx.ops = options->flags & HP_RX_V3 ? &rx_packet_v3 : &rx_packet;
	packet->rx.stats = stats;
	packet->fd = packet->group = packet->holder = -1;
	stats->note[0] = 0;
	error = open_all(packet, options);
	if (error) {
		packet_close(&packet->rx);
		return error;
	}
	packet_refresh(&packet->rx);
	*out = &packet->rx;
	return 0;
}

int packet_fd(struct rx *rx)
{
	return ((struct packet *)rx)->fd;
}

/*
 * Asking for the counts sets them back to 0. Asking for the error, too: an interface that went down leaves
 * ENETDOWN, with which the descriptor would poll ready until somebody took notice. When it is up again the
 * kernel goes on by itself; when it is gone, interface.c says so.
 */
void packet_refresh(struct rx *rx)
{
	struct packet *packet = (struct packet *)rx;
	struct tpacket_stats_v3 counts = {0};
	socklen_t size = sizeof(counts);
	int error;

	if (!getsockopt(packet->fd, SOL_PACKET, PACKET_STATISTICS, &counts, &size)) {
		rx->stats->dropped += counts.tp_drops;
		rx->stats->ring_full += counts.tp_drops;
	}
	size = sizeof(error);
	getsockopt(packet->fd, SOL_SOCKET, SO_ERROR, &error, &size);
}
