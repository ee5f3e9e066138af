// SPDX-License-Identifier: MIT
/* What a publisher can be asked for; every sentence says what is possible instead. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "lab/publisher.h"
#include "lab/publisher_market.h"
#include "measure/error.h"

#define EXACT	     9007199254740992.0 /* 2^53 */
#define PACK_MOST    1000
#define DISTANCE_MAX 1000
#define TIME_MOST_US 1e7
#define MS_MOST	     1e9

static int is_share(double value)
{
	return value >= 0 && value <= 1;
}

static int is_within(double value, double most)
{
	return value >= 0 && value <= most;
}

static int check_faults(const struct hp_publisher_faults *faults)
{
	if (!is_share(faults->loss) || !is_share(faults->duplicate) || !is_share(faults->reorder))
		return fail(EINVAL,
			    "Cannot inject faults of loss %g, duplicate %g, reorder %g: shares are 0 to 1",
			    faults->loss, faults->duplicate, faults->reorder);
	if (!is_within(faults->distance, DISTANCE_MAX) || faults->distance != floor(faults->distance))
		return fail(EINVAL, "Cannot reorder over %g datagrams: a whole number up to %d is needed",
			    faults->distance, DISTANCE_MAX);
	if (!is_within(faults->skew_us, TIME_MOST_US) || !is_within(faults->seed, EXACT))
		return fail(EINVAL,
			    "Cannot inject a skew of %g us with seed %g: it goes up to 1e7, seeds to 2^53",
			    faults->skew_us, faults->seed);
	return 0;
}

int publisher_check_server(double delay_us, double loss)
{
	if (is_within(delay_us, TIME_MOST_US) && is_share(loss))
		return 0;
	return fail(EINVAL,
		    "Cannot answer after %g us and lose %g of the answers: delays go up to 1e7, shares to 1",
		    delay_us, loss);
}

static int check_servers(const struct hp_publisher_options *options)
{
	const struct hp_publisher_requests *requests = &options->requests;
	const struct hp_publisher_snapshots *snapshots = &options->snapshots;

	if (!is_within(requests->seed, EXACT))
		return fail(EINVAL, "Cannot lose answers by seed %g: seeds are 0 to 2^53", requests->seed);
	if (strnlen(snapshots->user, 8) > 6 || strnlen(snapshots->password, 16) > 10)
		return fail(EINVAL,
			    "Cannot ask for that login: a user has 6 characters at most, a password 10");
	if (!is_within(snapshots->login_ms, MS_MOST) || !is_within(snapshots->silence_ms, MS_MOST))
		return fail(EINVAL,
			    "Cannot wait %g ms for a login and %g for a sign of life: up to 1e9 are possible",
			    snapshots->login_ms, snapshots->silence_ms);
	return 0;
}

static int check_pace(const struct hp_publisher_options *options)
{
	if (options->pace < HP_PACE_RATE || options->pace > HP_PACE_FLAT)
		return fail(EINVAL, "Cannot pace the publisher: %d is not rate (0), recorded (1) or flat (2)",
			    options->pace);
	if (options->pace == HP_PACE_RATE && !(options->rate > 0 && options->rate <= 1e9))
		return fail(EINVAL, "Cannot send %g datagrams a second: give a rate above 0, 1e9 at most",
			    options->rate);
	if (!is_within(options->speed, 1e9) || !is_within(options->gap_ms, MS_MOST))
		return fail(EINVAL,
			    "Cannot play %g times as fast as recorded, pauses cut to %g ms: up to 1e9 are "
			    "possible",
			    options->speed, options->gap_ms);
	if (!is_within(options->heartbeat_ms, MS_MOST) || !is_within(options->end_ms, MS_MOST))
		return fail(EINVAL,
			    "Cannot send heartbeats each %g ms and the end for %g ms: up to 1e9 are possible",
			    options->heartbeat_ms, options->end_ms);
	if (options->pack > PACK_MOST)
		return fail(EINVAL,
			    "Cannot pack %u messages into a datagram: 1 to %d, or 0 for those of one stamp",
			    options->pack, PACK_MOST);
	return 0;
}

int publisher_check(const struct hp_publisher_options *options)
{
	size_t length = strnlen(options->session, sizeof(options->session));
	int code = check_pace(options);

	if (!code && (length < 1 || length > MOLD_SESSION))
		return fail(EINVAL, "Cannot name a session \"%.16s\": 1 to %d characters are needed",
			    options->session, MOLD_SESSION);
	if (!code && !memchr(options->file, 0, sizeof(options->file)))
		return fail(EINVAL, "Cannot publish a file whose name is that long");
	if (!code &&
	    (options->symbols != floor(options->symbols) || !is_within(options->symbols, MARKET_SYMBOLS)))
		return fail(EINVAL, "Cannot make a market of %g symbols: 1 to %d are possible",
			    options->symbols, MARKET_SYMBOLS);
	if (!code && !options->lines[0].port)
		return fail(EINVAL, "Cannot publish nowhere: line A has no port");
	for (int i = 0; !code && i < HP_PUBLISHER_LINES; i++) {
		code = check_faults(&options->faults[i]);
		if (!code && options->lines[i].path == HP_TX_KERNEL)
			code = fail(EINVAL, "Cannot publish from inside the kernel: use another via=");
	}
	if (!code)
		code = check_servers(options);
	return code ? code : publisher_check_server(options->requests.delay_us, options->requests.loss);
}
