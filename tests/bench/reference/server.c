/* What an answer costs at the least: an epoll server that knows the answer beforehand.
 *
 * Arguments: the socket's path, and a file with the line that answers every line. As dsqltokd does, it serves its own
 * user only, and keeps a connection until the peer ends it. It writes "ok" once it listens, and runs until it is killed.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { EVENTS = 256, BACKLOG = 1024, MOST = 65536 };

static char answer[MOST], request[MOST];
static size_t answer_size;

static void serve(int peer)
{
    ssize_t got = recv(peer, request, sizeof request, MSG_DONTWAIT);
    if (got == 0 || (got > 0 && request[got - 1] == '\n' && send(peer, answer, answer_size, MSG_NOSIGNAL) < 0))
        close(peer);
}

static void welcome(int poll, int listener)
{
    int peer;
    while ((peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct ucred who;
        socklen_t size = sizeof who;
        if (getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0 || who.uid != getuid()) {
            close(peer);
            continue;
        }
        struct epoll_event event = {.events = EPOLLIN, .data.fd = peer};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, peer, &event) < 0)
            err(1, "epoll_ctl");
        serve(peer);
    }
}

int main(int count, char **arguments)
{
    struct sockaddr_un place = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0);
    FILE *file = count == 3 ? fopen(arguments[2], "rb") : NULL;
    if (file == NULL || strlen(arguments[1]) >= sizeof place.sun_path)
        errx(2, "usage: server SOCKET ANSWER-FILE");
    answer_size = fread(answer, 1, sizeof answer, file);
    strcpy(place.sun_path, arguments[1]);
    if (bind(listener, (struct sockaddr *)&place, sizeof place) < 0 || listen(listener, BACKLOG) < 0)
        err(1, "%s", arguments[1]);
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN, .data.fd = listener};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event) < 0)
        err(1, "epoll_ctl");
    puts("ok");
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(poll, events, EVENTS, -1);
        for (int each = 0; each < ready; each++)
            if (events[each].data.fd == listener)
                welcome(poll, listener);
            else
                serve(events[each].data.fd);
    }
}
