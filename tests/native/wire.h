/* SPDX-License-Identifier: MIT */
/*
 * Two network namespaces and a veth pair for one test program. They carry the program's process id and go
 * when it does; those of programs that were killed are swept up by the next.
 *
 *   hpt<pid>a: va 10.77.0.1 (sends)  ----  hpt<pid>b: vb 10.77.0.2 (receives)
 */
#ifndef HP_WIRE_H
#define HP_WIRE_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "hotpath.h"
#include "rx/netns.h"

#define WIRE_HERE  "10.77.0.1"
#define WIRE_THERE "10.77.0.2"

static char wire_a[64], wire_b[64]; /* namespace files */
static pid_t wire_owner;

static inline int wire_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline int wire_run(const char *format, ...)
{
	char command[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	return system(command);
}

static inline void wire_sweep(void)
{
	DIR *folder = opendir("/run/netns");
	struct dirent *entry;
	int pid;
	char side;

	while (folder && (entry = readdir(folder)))
		if (sscanf(entry->d_name, "hpt%d%c", &pid, &side) == 2 && kill(pid, 0) && errno == ESRCH)
			wire_run("ip netns del %s", entry->d_name);
	if (folder)
		closedir(folder);
}

static inline void wire_down(void)
{
	if (getpid() == wire_owner) /* a forked child inherits the atexit() handler */
		wire_run("ip netns del hpt%da; ip netns del hpt%db", wire_owner, wire_owner);
}

static inline void wire_up(void)
{
	int pid = wire_owner = getpid();

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (geteuid())
		SKIP("needs root for network namespaces");
	wire_sweep();
	snprintf(wire_a, sizeof(wire_a), "/run/netns/hpt%da", pid);
	snprintf(wire_b, sizeof(wire_b), "/run/netns/hpt%db", pid);
	if (wire_run("ip netns add hpt%da && ip netns add hpt%db", pid, pid)) {
		wire_down();
		SKIP("cannot make network namespaces here");
	}
	atexit(wire_down);
	CHECK_EQ(wire_run("ip link add va netns hpt%da type veth peer name vb netns hpt%db", pid, pid), 0);
	CHECK_EQ(wire_run("ip -n hpt%da address add " WIRE_HERE "/24 dev va", pid), 0);
	CHECK_EQ(wire_run("ip -n hpt%db address add " WIRE_THERE "/24 dev vb", pid), 0);
	CHECK_EQ(
		wire_run("for ns in a b; do ip -n hpt%d$ns link set lo up && ip -n hpt%d$ns link set v$ns up "
			 "|| exit 1; done",
			 pid, pid),
		0);
	/* What is sent before the carrier is there is lost. */
	CHECK_EQ(wire_run("for i in $(seq 500); do ip -n hpt%da link show va | grep -q 'state UP' && exit 0; "
			  "sleep 0.01; done; exit 1",
			  pid),
		 0);
}

static inline double wire_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static inline void wire_pause(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* The last failure's sentence holds `word`. */
static inline int wire_said(const char *word)
{
	char sentence[1024] = {0};

	hp_last_error(sentence, sizeof(sentence) - 1);
	if (strstr(sentence, word))
		return 1;
	fprintf(stderr, "the sentence was: %s\n", sentence);
	return 0;
}

static inline struct sockaddr_in wire_address(const char *ip, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	CHECK_EQ(inet_pton(AF_INET, ip, &address.sin_addr), 1);
	return address;
}

static inline int wire_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static inline FILE *wire_open_table(const char *table)
{
	char path[64];
	int before = netns_enter(wire_b);
	FILE *file;

	snprintf(path, sizeof(path), "/proc/thread-self/net/%s", table);
	file = fopen(path, "r");
	CHECK(file);
	netns_leave(before);
	return file;
}

/* Whether /proc/net/`table` of namespace b holds `text`. */
static inline int wire_table(const char *table, const char *text)
{
	char line[512];
	int found = 0;
	FILE *file = wire_open_table(table);

	while (!found && fgets(line, sizeof(line), file))
		found = strstr(line, text) != NULL;
	fclose(file);
	return found;
}

/* Rows of it below its heading. */
static inline int wire_rows(const char *table)
{
	char line[512];
	int rows = -1;
	FILE *file = wire_open_table(table);

	while (fgets(line, sizeof(line), file))
		rows++;
	fclose(file);
	return rows;
}

/* AddressSanitizer's: gcc ships no header for it. */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
					      void (*on_free)(const volatile void *));

static volatile int wire_counting;
static volatile int wire_allocations;

static inline void wire_malloc(const volatile void *memory, size_t bytes)
{
	(void)memory, (void)bytes;
	wire_allocations += wire_counting;
}

static inline void wire_free(const volatile void *memory)
{
	(void)memory;
	wire_allocations += wire_counting;
}

/* The hooks are in: an allocation would be noticed. */
static inline void wire_count_works(void)
{
	void *volatile memory;

	wire_counting = 1;
	memory = malloc(1);
	wire_counting = 0;
	free(memory);
	CHECK_EQ(wire_allocations, 1);
	wire_allocations = 0;
}

#endif
