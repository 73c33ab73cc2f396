/* A crowd of clients in one process: each asks, reads its answer, and asks again.
 *
 * Arguments: the socket's path, a file with the line to send, "once" (a connection for each request) or "kept" (one for
 * all of a client's), how many clients, and how many requests all together. Each checks who serves, as dsqltok does. It
 * prints how many seconds that took, and the median and 99th percentile of a request's microseconds, connect to answer.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, MOST = 65536 };

struct client {
    int socket;
    double began;
};

static struct sockaddr_un place = {.sun_family = AF_UNIX};
static char request[MOST], answer[MOST];
static size_t request_size;
static int poll, kept;
static long begun, done, wanted;
static double *took;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static void reach(struct client *client)
{
    struct ucred who;
    socklen_t size = sizeof who;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    client->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->socket < 0 || connect(client->socket, (struct sockaddr *)&place, sizeof place) < 0)
        err(1, "%s", place.sun_path);
    if (getsockopt(client->socket, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 || who.uid != getuid())
        errx(1, "another user serves");
    if (epoll_ctl(poll, EPOLL_CTL_ADD, client->socket, &event) < 0)
        err(1, "epoll_ctl");
}

static void ask(struct client *client)
{
    if (begun == wanted)
        return;
    begun++;
    client->began = now();
    if (!kept)
        reach(client);
    if (send(client->socket, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size)
        err(1, "send");
}

static void hear(struct client *client)
{
    ssize_t got = recv(client->socket, answer, sizeof answer, 0);
    if (got <= 0)
        errx(1, "it hung up");
    if (answer[got - 1] != '\n')
        return;
    took[done++] = now() - client->began;
    if (!kept)
        close(client->socket);
    ask(client);
}

static int compare(const void *one, const void *other)
{
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

int main(int count, char **arguments)
{
    FILE *file = count == 6 ? fopen(arguments[2], "rb") : NULL;
    if (file == NULL || strlen(arguments[1]) >= sizeof place.sun_path)
        errx(2, "usage: client SOCKET REQUEST-FILE once|kept CLIENTS REQUESTS");
    request_size = fread(request, 1, sizeof request, file);
    strcpy(place.sun_path, arguments[1]);
    kept = strcmp(arguments[3], "kept") == 0;
    long size = atol(arguments[4]);
    wanted = atol(arguments[5]);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    struct client *clients = calloc(size, sizeof *clients);
    took = calloc(wanted, sizeof *took);
    poll = epoll_create1(0);
    for (long each = 0; kept && each < size; each++)
        reach(&clients[each]);
    double began = now();
    for (long each = 0; each < size; each++)
        ask(&clients[each]);
    while (done < wanted) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(poll, events, EVENTS, -1);
        for (int each = 0; each < ready; each++)
            hear(events[each].data.ptr);
    }
    double seconds = (now() - began) / 1e6;
    qsort(took, wanted, sizeof *took, compare);
    printf("[%.6f, %.1f, %.1f]\n", seconds, took[wanted / 2], took[(wanted - 1) * 99 / 100]);
}
