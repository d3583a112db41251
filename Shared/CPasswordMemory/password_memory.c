// libsodium maps and unmaps its working memory for every hash. At 19 MiB the page faults of that take nearly as long as the hash. It offers
// no other allocator, but like every dynamic library it finds `mmap` by name, in the program before the C library. The two functions
// here do what the C library's do, the kernel's call and nothing else, except for a thread that has just lent a block.

#define _GNU_SOURCE
#include "password_memory.h"

#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

void sp_password_thread_name(const char *name)
{
    prctl(PR_SET_NAME, name);
}

static const size_t huge = (size_t)2 << 20;

static size_t mapped_bytes(size_t bytes)
{
    size_t unit = bytes >= huge ? huge : (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + unit - 1) / unit * unit;
}

void *sp_block_map(size_t bytes)
{
    size_t length = mapped_bytes(bytes);
    bool is_huge = bytes >= huge;
    size_t spare = is_huge ? huge : 0;
    char *start = mmap(NULL, length + spare, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    if (start == MAP_FAILED)
        return NULL;
    char *block = start;
    if (is_huge) {
        block = (char *)(((uintptr_t)start + huge - 1) / huge * huge);
        size_t before = (size_t)(block - start);
        if (before > 0)
            munmap(start, before);
        if (spare > before)
            munmap(block + length, spare - before);
        madvise(block, length, MADV_HUGEPAGE);
    }
    madvise(block, length, MADV_DONTDUMP);
    return block;
}

void sp_block_unmap(void *block, size_t bytes)
{
    munmap(block, mapped_bytes(bytes));
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SP_OWN_MMAP 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SP_OWN_MMAP 0
#endif
#endif
#ifndef SP_OWN_MMAP
#if defined(__linux__) && defined(__LP64__)
#define SP_OWN_MMAP 1
#else
#define SP_OWN_MMAP 0
#endif
#endif

static _Thread_local void *lent;
static _Thread_local size_t lent_bytes;
static _Thread_local size_t used_bytes;
static _Thread_local bool was_used;

void sp_block_lend(void *block, size_t bytes)
{
    lent_bytes = bytes;
    was_used = false;
    lent = block;
}

bool sp_block_take_back(void)
{
    lent = NULL;
    return was_used;
}

#if SP_OWN_MMAP
__attribute__((visibility("default"))) void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset)
{
    if (lent && !was_used && !address && file == -1 && (flags & MAP_ANONYMOUS) && (flags & MAP_PRIVATE)
        && protection == (PROT_READ | PROT_WRITE) && length <= lent_bytes && length > lent_bytes / 2) {
        used_bytes = length;
        was_used = true;
        return lent;
    }
    return (void *)syscall(SYS_mmap, address, length, protection, flags, file, offset);
}

__attribute__((visibility("default"))) int munmap(void *address, size_t length)
{
    if (lent && was_used && address == lent && length == used_bytes)
        return 0;
    return (int)syscall(SYS_munmap, address, length);
}
#endif
