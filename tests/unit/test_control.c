/* SPDX-License-Identifier: GPL-2.0-only */
/* The control socket when memory is out: both ends report it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/config/config.h"
#include "user/net/control_address.h"
#include "user/net/control_client.h"
#include "user/net/control_server.h"

/* For this program only: allocations above a megabyte fail. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "max_allocation_size_mb=1:allocator_may_return_null=1:print_summary=0:verbosity=0";
}

static json_t *never_called(void *context, u64 client, const json_t *request)
{
	(void)context;
	(void)client;
	(void)request;
	return NULL;
}

static void server_without_memory(void **state)
{
	char message[SPW_MESSAGE_MAX] = "";
	struct spw_control_server *server = NULL;
	sd_event *loop;

	(void)state;
	assert_true(sd_event_new(&loop) >= 0);
	assert_int_equal(spw_control_server_start(loop, "/tmp", never_called, NULL, NULL, &server, message), -ENOMEM);
	assert_non_null(strstr(message, "memory"));
	assert_null(server);
	sd_event_unref(loop);
}

/* The maximum length of run_dir is the maximum of a socket's path. */
static void server_with_a_long_path(void **state)
{
	char message[SPW_MESSAGE_MAX] = "", run_dir[SPW_RUN_DIR_BYTES_MAX + 2];
	struct spw_control_server *server = NULL;
	struct sockaddr_un address;
	sd_event *loop;

	(void)state;
	memset(run_dir, 'd', sizeof(run_dir) - 1);
	run_dir[sizeof(run_dir) - 1] = '\0';
	assert_true(sd_event_new(&loop) >= 0);
	assert_int_equal(spw_control_server_start(loop, run_dir, never_called, NULL, NULL, &server, message),
			 -ENAMETOOLONG);
	assert_non_null(strstr(message, "run_dir"));
	run_dir[SPW_RUN_DIR_BYTES_MAX] = '\0';
	assert_int_equal(spw_control_address(run_dir, &address, message), 0);
	sd_event_unref(loop);
}

/* An endless answer from another process. */
static void client_without_memory(void **state)
{
	char message[SPW_MESSAGE_MAX] = "", block[4096];
	int ends[2];
	pid_t peer;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	peer = fork();
	assert_true(peer >= 0);
	if (!peer) {
		memset(block, ' ', sizeof(block));
		close(ends[0]);
		while (send(ends[1], block, sizeof(block), MSG_NOSIGNAL) > 0)
			;
		_exit(0);
	}
	close(ends[1]);
	assert_null(spw_control_exchange(ends[0], json_object(), 20, message));
	assert_non_null(strstr(message, "memory"));
	close(ends[0]);
	waitpid(peer, NULL, 0);
}

static void client_without_utf8(void **state)
{
	char message[SPW_MESSAGE_MAX] = "";
	int ends[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_null(spw_control_exchange(ends[0], json_pack("{s:o}", "note", json_string_nocheck("\xff")), 1, message));
	assert_non_null(strstr(message, "UTF-8"));
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_without_memory),
		cmocka_unit_test(server_with_a_long_path),
		cmocka_unit_test(client_without_memory),
		cmocka_unit_test(client_without_utf8),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
