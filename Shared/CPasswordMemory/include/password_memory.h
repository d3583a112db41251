#ifndef SALLYPORT_PASSWORD_MEMORY_H
#define SALLYPORT_PASSWORD_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/// Maps memory for Argon2: in huge pages where the system has them, and left out of core dumps.
/// Release it with `sp_block_unmap`. NULL when there is none left.
void *sp_block_map(size_t bytes);
void sp_block_unmap(void *block, size_t bytes);

/// From here until `sp_block_take_back`, the first anonymous mapping that this thread asks for, and that `block` has room for and is not
/// much too big for, is `block` itself; unmapping it leaves it mapped. Without effect where libsodium's calls of `mmap` do not
/// come by here, such as under a sanitizer: it then maps memory of its own.
void sp_block_lend(void *block, size_t bytes);

/// Ends it. Whether the block was used.
bool sp_block_take_back(void);

/// Shows the name in the system's tools; the first 15 bytes are kept.
void sp_password_thread_name(const char *name);

#endif
