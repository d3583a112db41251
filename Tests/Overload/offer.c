// Offers HTTP/1.1 requests at a constant rate, whatever becomes of the earlier ones: latency is counted from the moment at which a request
// was due, so a server that falls behind cannot make its clients ask less. At rate 0 each connection asks again as soon as it is answered.
//
//   offer PORT RATE SECONDS CONNECTIONS DEADLINE_MS FILE
//
// FILE holds requests one after the other, each behind a line with its length in bytes; they are sent in turn to 127.0.0.1. A request without
// an answer DEADLINE_MS after it was due is given up and its connection closed, as a client would. Prints one JSON object:
//   due, good (2xx in time), late, refused (503, 429), statuses (others), broken (closed or reset without an answer), unsent (no connection free when it was due),
//   p50, p99, max: milliseconds of good ones; refused_p99 of refused ones.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HEAD = 8192, FREE = -1 };

typedef struct {
    const char *bytes;
    size_t length;
} request;

typedef struct {
    int fd;                  // FREE when closed
    const request *current;  // nothing while idle
    size_t sent;
    double due;
    char head[HEAD];
    size_t have;
    long left;  // bytes of the body still to come; -1 until the head is there
    int status, closes, connecting, age;
} connection;

static request *requests;
static size_t request_count, next_request;
static connection *all;
static int *idle, idle_count, *closed, closed_count, *busy, busy_count, *place;
static int ep, port, max_connections;
static double rate, deadline, started;
static long good, late, refused, broken, unsent, due_count, other[600];
static float *good_times, *refused_times;
static size_t good_room, refused_room;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
    perror(what);
    exit(2);
}

static void note(float **times, size_t *room, long count, double value) {
    if ((size_t)count >= *room) {
        *room = *room ? *room * 2 : 4096;
        *times = realloc(*times, *room * sizeof **times);
        if (!*times) die("memory");
    }
    (*times)[count] = value;
}

static void leave_busy(connection *c) {
    int at = place[c - all], last = busy[--busy_count];
    busy[at] = last;
    place[last] = at;
    c->current = 0;
}

static void drop(connection *c) {
    if (c->current) leave_busy(c);
    else
        for (int i = 0; i < idle_count; i++)
            if (idle[i] == c - all) { idle[i] = idle[--idle_count]; break; }
    close(c->fd);
    c->fd = FREE;
    closed[closed_count++] = c - all;
}

static void answered(connection *c) {
    double took = now() - c->due;
    if (took > deadline) late++;
    else if (c->status >= 200 && c->status < 300) note(&good_times, &good_room, good, took * 1000), good++;
    else if (c->status == 503 || c->status == 429) note(&refused_times, &refused_room, refused, took * 1000), refused++;
    else other[c->status < 600 ? c->status : 0]++;
    if (c->closes) { drop(c); return; }
    leave_busy(c);
    c->age++;
    idle[idle_count++] = c - all;
}

static int push(connection *c) {
    while (c->sent < c->current->length) {
        ssize_t n = send(c->fd, c->current->bytes + c->sent, c->current->length - c->sent, MSG_NOSIGNAL);
        if (n < 0) return errno == EAGAIN || errno == EINPROGRESS || errno == ENOTCONN ? 0 : -1;
        c->sent += n;
    }
    return 0;
}

static void fail(connection *c) {
    broken++;
    drop(c);
}

// Puts the request on a connection; 0 when there is none to be had.
static int begin(double due) {
    connection *c;
    if (idle_count) c = &all[idle[--idle_count]];
    else if (closed_count) {
        c = &all[closed[--closed_count]];
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (c->fd < 0) die("socket");
        int one = 1;
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
        if (connect(c->fd, (void *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
            close(c->fd);
            c->fd = FREE;
            closed[closed_count++] = c - all;
            broken++;
            return 1;
        }
        epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &event);
        c->age = 0;
    } else return 0;
    c->current = &requests[next_request++ % request_count];
    c->sent = c->have = 0;
    c->left = -1;
    c->due = due;
    place[c - all] = busy_count;
    busy[busy_count++] = c - all;
    if (push(c) < 0) fail(c);
    return 1;
}

static int parse(connection *c) {
    char *end = memmem(c->head, c->have, "\r\n\r\n", 4);
    if (!end) return c->have == HEAD - 1 ? -1 : 0;
    size_t length = end + 4 - c->head;
    c->head[length - 1] = 0;
    if (sscanf(c->head, "HTTP/1.1 %d", &c->status) != 1) return -1;
    char *line = strcasestr(c->head, "\r\nContent-Length:");
    long body = line ? atol(line + 17) : 0;
    if (c->status == 204 || c->status == 304) body = 0;
    c->closes = strcasestr(c->head, "\r\nConnection: close") != 0;
    c->left = body - (long)(c->have - length);
    return 1;
}

static void pull(connection *c) {
    static char rest[65536];
    while (c->fd != FREE) {
        int in_head = c->current && c->left < 0;
        ssize_t n = in_head ? recv(c->fd, c->head + c->have, HEAD - 1 - c->have, 0) : recv(c->fd, rest, sizeof rest, 0);
        if (n < 0 && errno == EAGAIN) return;
        if (n <= 0 || !c->current) {
            if (c->current) broken++;
            drop(c);
            return;
        }
        if (in_head) {
            c->have += n;
            int parsed = parse(c);
            if (parsed < 0) { fail(c); return; }
            if (!parsed) continue;
        } else c->left -= n;
        if (c->left == 0) answered(c);
        else if (c->left < 0) { fail(c); return; }
    }
}

static void read_requests(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) die(path);
    size_t length;
    while (fscanf(file, "%zu", &length) == 1) {
        fgetc(file);
        char *bytes = malloc(length);
        if (!bytes || fread(bytes, 1, length, file) != length) die("request");
        requests = realloc(requests, (request_count + 1) * sizeof *requests);
        requests[request_count++] = (request){bytes, length};
    }
    fclose(file);
}

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double percentile(const float *times, long count, double p) {
    return count ? times[(long)((count - 1) * p)] : 0;
}

int main(int argc, char **argv) {
    if (argc != 7) { fputs("offer PORT RATE SECONDS CONNECTIONS DEADLINE_MS FILE\n", stderr); return 2; }
    port = atoi(argv[1]);
    rate = atof(argv[2]);
    double seconds = atof(argv[3]);
    max_connections = atoi(argv[4]);
    deadline = atof(argv[5]) / 1000;
    read_requests(argv[6]);
    ep = epoll_create1(0);
    all = calloc(max_connections, sizeof *all);
    idle = calloc(max_connections, sizeof *idle);
    closed = calloc(max_connections, sizeof *closed);
    busy = calloc(max_connections, sizeof *busy);
    place = calloc(max_connections, sizeof *place);
    for (int i = max_connections; i-- > 0;) all[i].fd = FREE, closed[closed_count++] = i;
    started = now();
    double next_due = started, stop = started + seconds, looked = started;
    for (;;) {
        double t = now();
        if (rate == 0) while (t < stop && begin(t)) due_count++;
        while (rate > 0 && next_due <= t && next_due < stop) {
            due_count++;
            if (!begin(next_due)) unsent++;
            next_due += 1 / rate;
        }
        if (t - looked > 0.02) {
            looked = t;
            for (int i = busy_count; i-- > 0;) {
                connection *c = &all[busy[i]];
                if (t - c->due > deadline) late++, drop(c);
            }
        }
        if (t >= stop && (busy_count == 0 || t > stop + deadline + 1) && (rate == 0 || next_due >= stop)) break;
        struct epoll_event events[512];
        double wait = rate > 0 && next_due < stop ? next_due - t : 0.02;
        int n = epoll_wait(ep, events, 512, wait <= 0 ? 0 : wait > 0.02 ? 20 : (int)(wait * 1000));
        for (int i = 0; i < n; i++) {
            connection *c = events[i].data.ptr;
            if (c->fd == FREE) continue;
            if (c->current && events[i].events & EPOLLOUT && push(c) < 0) { fail(c); continue; }
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) pull(c);
        }
    }
    qsort(good_times, good, sizeof *good_times, compare);
    qsort(refused_times, refused, sizeof *refused_times, compare);
    printf("{\"seconds\":%g,\"due\":%ld,\"good\":%ld,\"late\":%ld,\"refused\":%ld,\"broken\":%ld,\"unsent\":%ld,\"statuses\":{", seconds, due_count, good, late, refused,
           broken, unsent);
    for (int i = 0, first = 1; i < 600; i++)
        if (other[i]) printf("%s\"%d\":%ld", first ? "" : ",", i, other[i]), first = 0;
    printf("},\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f,\"refused_p99\":%.3f}\n", percentile(good_times, good, 0.5), percentile(good_times, good, 0.99),
           percentile(good_times, good, 1), percentile(refused_times, refused, 0.99));
    return 0;
}
