/* SPDX-License-Identifier: MIT */
/* The threads that run now, and their end when the library is unloaded; see threads.h. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "measure/error.h"
#include "threads.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct owned_thread *first;

int threads_start(pthread_t *thread, int32_t cpu, void *(*run)(void *), void *owner, const char *whose)
{
	sigset_t all, before;
	pthread_attr_t attributes;
	cpu_set_t cpus;
	int code = 0;

	CPU_ZERO(&cpus);
	pthread_attr_init(&attributes);
	if (cpu >= 0 && cpu < CPU_SETSIZE) {
		CPU_SET((size_t)cpu, &cpus);
		code = pthread_attr_setaffinity_np(&attributes, sizeof(cpus), &cpus);
	} else if (cpu >= 0) {
		code = EINVAL;
	}
	/* Signals are the program's own business. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!code)
		code = pthread_create(thread, &attributes, run, owner);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	if (code)
		return fail(code, "Cannot start %s thread (core %d): %s; name a core of this machine", whose,
			    cpu, strerror(code));
	return 0;
}

void threads_add(struct owned_thread *thread, void (*stop)(void *owner), void *owner)
{
	thread->stop = stop;
	thread->owner = owner;
	pthread_mutex_lock(&lock);
	thread->next = first;
	first = thread;
	pthread_mutex_unlock(&lock);
}

void threads_remove(struct owned_thread *thread)
{
	pthread_mutex_lock(&lock);
	for (struct owned_thread **at = &first; *at; at = &(*at)->next) {
		if (*at == thread) {
			*at = thread->next;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
}

static struct owned_thread *take_first(void)
{
	struct owned_thread *thread;

	pthread_mutex_lock(&lock);
	thread = first;
	if (thread)
		first = thread->next;
	pthread_mutex_unlock(&lock);
	return thread;
}

__attribute__((destructor)) static void stop_all(void)
{
	for (struct owned_thread *thread = take_first(); thread; thread = take_first())
		thread->stop(thread->owner);
}
