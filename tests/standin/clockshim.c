/* Shows a process the wall clock and the boot clock stepped by as many seconds as the file named by CLOCKSHIM says: two
   doubles, which a test writes while the process runs. The monotonic clock, by which timers run, goes on undisturbed.
   A suspend moves both, a clock that is set moves the first. A timer that is to be cancelled where the clock is set ends
   then, which for who waits for it is the same. Loaded by LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static int (*real)(clockid_t, struct timespec *);
static const volatile double *steps; /* of the wall clock, of the boot clock */

__attribute__((constructor)) static void begin(void) {
    real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("CLOCKSHIM");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *found = mmap(NULL, 2 * sizeof(double), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (found != MAP_FAILED) steps = found;
}

static double step(clockid_t clock) {
    if (!steps) return 0;
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) return steps[0];
    if (clock == CLOCK_BOOTTIME) return steps[1];
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    if (!real) begin();
    int failed = real(clock, at);
    double whole = 0, part = failed ? 0 : modf(step(clock), &whole);
    if (failed) return failed;
    long nanoseconds = at->tv_nsec + (long)(part * 1e9);
    at->tv_sec += (time_t)whole + (nanoseconds >= 1000000000L) - (nanoseconds < 0);
    at->tv_nsec = (nanoseconds + 1000000000L) % 1000000000L;
    return 0;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    (void)zone;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

typedef int settime(int, int, const struct itimerspec *, struct itimerspec *);
static double armed_at; /* which step, before the thread can look */

static void *cancel(void *timer) {
    const struct itimerspec at_once = {{0, 0}, {0, 1}};
    const struct timespec pause = {0, 20000000};
    for (double wall = armed_at;; nanosleep(&pause, NULL)) {
        if (steps[0] == wall) continue;
        wall = steps[0];
        ((settime *)dlsym(RTLD_NEXT, "timerfd_settime"))((int)(long)timer, TFD_TIMER_ABSTIME, &at_once, NULL);
    }
    return NULL;
}

int timerfd_settime(int timer, int flags, const struct itimerspec *at, struct itimerspec *before) {
    static pthread_t thread;
    if (steps && !thread && flags & TFD_TIMER_CANCEL_ON_SET) {
        armed_at = steps[0];
        pthread_create(&thread, NULL, cancel, (void *)(long)timer);
    }
    return ((settime *)dlsym(RTLD_NEXT, "timerfd_settime"))(timer, flags, at, before);
}
