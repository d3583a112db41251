#ifndef SALLYPORT_CLIBPQ_SHIM_H
#define SALLYPORT_CLIBPQ_SHIM_H

#include <dlfcn.h>
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <libpq-fe.h>

// PG_DIAG_* are character macros, which Swift does not import.
enum {
    SP_DIAG_SEVERITY_NONLOCALIZED = PG_DIAG_SEVERITY_NONLOCALIZED,
    SP_DIAG_SQLSTATE = PG_DIAG_SQLSTATE,
    SP_DIAG_MESSAGE_PRIMARY = PG_DIAG_MESSAGE_PRIMARY,
    SP_DIAG_MESSAGE_DETAIL = PG_DIAG_MESSAGE_DETAIL,
    SP_DIAG_MESSAGE_HINT = PG_DIAG_MESSAGE_HINT,
    SP_DIAG_STATEMENT_POSITION = PG_DIAG_STATEMENT_POSITION,
    SP_DIAG_CONTEXT = PG_DIAG_CONTEXT,
    SP_DIAG_SCHEMA_NAME = PG_DIAG_SCHEMA_NAME,
    SP_DIAG_TABLE_NAME = PG_DIAG_TABLE_NAME,
    SP_DIAG_COLUMN_NAME = PG_DIAG_COLUMN_NAME,
    SP_DIAG_CONSTRAINT_NAME = PG_DIAG_CONSTRAINT_NAME,
    SP_DIAG_SOURCE_FUNCTION = PG_DIAG_SOURCE_FUNCTION,
};

static inline int sp_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

/// The first 15 bytes are kept.
static inline void sp_thread_set_name(const char *name) { prctl(PR_SET_NAME, name); }

static inline int sp_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

/// Registers (`operation` EPOLL_CTL_ADD), changes (MOD) or removes (DEL) `fd`, known by `token` in events.
static inline int sp_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t token)
{
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    return epoll_ctl(epoll, operation, fd, &event);
}

static inline uint64_t sp_epoll_token(const struct epoll_event *event) { return event->data.u64; }
static inline uint32_t sp_epoll_events(const struct epoll_event *event) { return event->events; }

enum {
    SP_EPOLLIN = EPOLLIN,
    SP_EPOLLOUT = EPOLLOUT,
    SP_EPOLLERR = EPOLLERR,
    SP_EPOLLHUP = EPOLLHUP,
    SP_EPOLL_ADD = EPOLL_CTL_ADD,
    SP_EPOLL_MOD = EPOLL_CTL_MOD,
    SP_EPOLL_DEL = EPOLL_CTL_DEL,
};

/// Bytes OpenSSL has decrypted but libpq has not read yet. They make no socket readable, so an event loop has to ask.
/// libpq brings libssl into the process; the symbol is looked up so that this module does not link it.
static inline int sp_tls_pending(PGconn *connection)
{
    static int (*pending)(const void *) = NULL;
    void *tls = PQsslStruct(connection, "OpenSSL");
    if (!tls)
        return 0;
    if (!pending)
        *(void **)(&pending) = dlsym((void *)0 /* RTLD_DEFAULT */, "SSL_pending");
    return pending ? pending(tls) : 0;
}

#endif
