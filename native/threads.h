/* SPDX-License-Identifier: MIT */
/*
 * Threads that must not outlive the library. A process may end, or unload us, without closing what it opened:
 * Deno's REPL does on Ctrl-D, and takes code and memory away from under whatever still runs. So every thread
 * is entered here while it runs, and the library stops those that are left before it goes.
 */
#ifndef HP_THREADS_H
#define HP_THREADS_H

#include <pthread.h>
#include <stdint.h>

struct owned_thread {
	void (*stop)(void *owner); /* stops and joins; called at most once, from the thread that unloads */
	void *owner;
	struct owned_thread *next;
};

/* Starts a thread that no signal interrupts, on core `cpu` (-1: any). whose: "the exchange's". 0 or fail(...). */
int threads_start(pthread_t *thread, int32_t cpu, void *(*run)(void *), void *owner, const char *whose);
/* Enters a thread that has been started. */
void threads_add(struct owned_thread *thread, void (*stop)(void *owner), void *owner);
/* Takes it out again; does nothing when it is not there. */
void threads_remove(struct owned_thread *thread);

#endif
