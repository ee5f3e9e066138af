// SPDX-License-Identifier: MIT
/*
 * Where datagrams go, checked and in the kernel's terms. A path that writes its own frames needs to know what
 * a socket learns from the kernel: the interface's address and MAC, and the MAC of the next hop. A group's
 * follows from its address (RFC 1112, 6.4); a host's is in the neighbour table, where a request of ours makes
 * the kernel resolve it (NTF_USE, rtnetlink(7)) without a packet that the receiver would have to count.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "measure/error.h"
#include "tx.h"

#define RESOLVE_TRIES 50 /* ten milliseconds each */

static int read_source(struct tx_endpoint *out, const struct hp_tx_options *options)
{
	char source[16] = {0};
	struct in_addr ip;

	memcpy(source, options->source, sizeof(source) - 1);
	if (!source[0])
		return 0;
	if (inet_pton(AF_INET, source, &ip) != 1)
		return fail(EINVAL, "Cannot send from \"%s\": not a dotted IPv4 address", source);
	out->source_ip = ip.s_addr;
	return 0;
}

int tx_endpoint(struct tx_endpoint *out, const struct hp_tx_options *options)
{
	struct in_addr ip;

	memset(out, 0, sizeof(*out));
	memcpy(out->address, options->address, sizeof(out->address) - 1);
	memcpy(out->ifname, options->ifname, sizeof(out->ifname) - 1);
	if (inet_pton(AF_INET, out->address, &ip) != 1)
		return fail(EINVAL, "Cannot send to \"%s\": not a dotted IPv4 address", out->address);
	if (!options->port || options->port > 65535 || options->source_port > 65535)
		return fail(EINVAL, "Cannot send to %s: port %u is not 1..65535", out->address,
			    options->source_port > 65535 ? options->source_port : options->port);
	if (options->ttl > 255)
		return fail(EINVAL, "Cannot send to %s with a TTL of %u: 1..255 are possible", out->address,
			    options->ttl);
	if (options->batch > TX_BATCH)
		return fail(EINVAL, "Cannot send %u datagrams a batch: %d at most", options->batch, TX_BATCH);
	out->ip = ip.s_addr;
	out->port = htons((uint16_t)options->port);
	out->source_port = htons((uint16_t)options->source_port);
	out->multicast = IN_MULTICAST(ntohl(ip.s_addr));
	out->ttl = (uint8_t)(options->ttl ? options->ttl : out->multicast ? 1 : 64);
	if (!out->ifname[0])
		return read_source(out, options);
	out->ifindex = (int)if_nametoindex(out->ifname);
	if (!out->ifindex)
		return fail(ENODEV,
			    "Cannot send to %s through \"%s\": no such interface; `ip link` lists them",
			    out->address, out->ifname);
	return read_source(out, options);
}

/* One SIOCGIF... request for the interface. 0 or -errno. */
static int ask(int fd, const struct tx_endpoint *endpoint, unsigned long what, struct ifreq *request)
{
	memset(request, 0, sizeof(*request));
	memcpy(request->ifr_name, endpoint->ifname, sizeof(request->ifr_name));
	return ioctl(fd, what, request) ? -errno : 0;
}

static int read_interface(int fd, struct tx_endpoint *endpoint)
{
	struct ifreq request;
	struct sockaddr_in source;
	int error = ask(fd, endpoint, SIOCGIFHWADDR, &request);

	if (!error && request.ifr_hwaddr.sa_family != ARPHRD_ETHER &&
	    request.ifr_hwaddr.sa_family != ARPHRD_LOOPBACK)
		return fail(ENOTSUP, "Cannot send frames on \"%s\": it is no Ethernet interface; use udp",
			    endpoint->ifname);
	memcpy(endpoint->source_mac, request.ifr_hwaddr.sa_data, 6);
	if (!error)
		error = ask(fd, endpoint, SIOCGIFMTU, &request);
	if (error)
		return fail(-error, "Cannot look at interface \"%s\": %s", endpoint->ifname,
			    strerror(-error));
	endpoint->mtu = (uint32_t)request.ifr_mtu;
	if (endpoint->source_ip)
		return 0;
	error = ask(fd, endpoint, SIOCGIFADDR, &request);
	if (error)
		return fail(-error,
			    "Cannot tell from which address to send on \"%s\": %s; give it one (`ip address "
			    "add`) or name one with source=",
			    endpoint->ifname, strerror(-error));
	memcpy(&source, &request.ifr_addr, sizeof(source));
	endpoint->source_ip = source.sin_addr.s_addr;
	return 0;
}

static int parse_mac(const char *text, uint8_t *mac)
{
	unsigned byte[6];
	char rest;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &byte[0], &byte[1], &byte[2], &byte[3], &byte[4],
		   &byte[5], &rest) != 6)
		return fail(EINVAL, "Cannot use \"%s\" as a MAC: write it as 02:00:00:00:00:01", text);
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)byte[i];
	return 0;
}

/* Makes the kernel resolve a neighbour. Not allowed without CAP_NET_ADMIN: then only what is known counts. */
static void resolve(const struct tx_endpoint *endpoint)
{
	struct {
		struct nlmsghdr header;
		struct ndmsg neighbour;
		struct rtattr attribute;
		uint32_t ip;
	} request = {
		.header = {.nlmsg_len = sizeof(request),
			   .nlmsg_type = RTM_NEWNEIGH,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE},
		.neighbour = {.ndm_family = AF_INET, .ndm_ifindex = endpoint->ifindex, .ndm_flags = NTF_USE},
		.attribute = {.rta_len = RTA_LENGTH(4), .rta_type = NDA_DST},
		.ip = endpoint->ip,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return;
	send(fd, &request, sizeof(request), 0);
	close(fd);
}

/* The neighbour's MAC, when the table has it complete. */
static int known(int fd, struct tx_endpoint *endpoint)
{
	struct sockaddr_in ip = {.sin_family = AF_INET, .sin_addr.s_addr = endpoint->ip};
	struct arpreq request = {0};

	memcpy(&request.arp_pa, &ip, sizeof(ip));
	memcpy(request.arp_dev, endpoint->ifname, sizeof(request.arp_dev));
	if (ioctl(fd, SIOCGARP, &request) || !(request.arp_flags & ATF_COM))
		return 0;
	memcpy(endpoint->mac, request.arp_ha.sa_data, 6);
	return 1;
}

static int find_mac(int fd, struct tx_endpoint *endpoint, const struct hp_tx_options *options)
{
	static const uint8_t nobody[6];
	char mac[sizeof(options->mac)] = {0};

	memcpy(mac, options->mac, sizeof(mac) - 1);
	if (mac[0])
		return parse_mac(mac, endpoint->mac);
	if (endpoint->multicast) {
		uint32_t group = ntohl(endpoint->ip);
		const uint8_t bytes[] = {
			0x01,	       0x00, 0x5e, (uint8_t)(group >> 16 & 0x7f), (uint8_t)(group >> 8),
			(uint8_t)group};

		memcpy(endpoint->mac, bytes, sizeof(bytes));
		return 0;
	}
	if (!memcmp(endpoint->source_mac, nobody, 6))
		return 0; /* loopback: no MACs at all */
	if (known(fd, endpoint))
		return 0;
	resolve(endpoint);
	for (int i = 0; i < RESOLVE_TRIES; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
		if (known(fd, endpoint))
			return 0;
	}
	return fail(
		EHOSTUNREACH,
		"Cannot send frames to %s on \"%s\": its MAC is not known and nobody answers for it; is it "
		"on this wire? Name the MAC (behind a router: the router's) with mac=",
		endpoint->address, endpoint->ifname);
}

int tx_endpoint_link(struct tx_endpoint *endpoint, const struct hp_tx_options *options)
{
	int fd, error;

	if (!endpoint->ifindex)
		return fail(EINVAL, "Cannot send frames to %s: no interface named; add if=NAME",
			    endpoint->address);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return fail(errno, "Cannot make a socket to look at \"%s\" with: %s", endpoint->ifname,
			    strerror(errno));
	error = read_interface(fd, endpoint);
	if (!error)
		error = find_mac(fd, endpoint, options);
	close(fd);
	if (!endpoint->source_port)
		endpoint->source_port = endpoint->port;
	return error;
}
