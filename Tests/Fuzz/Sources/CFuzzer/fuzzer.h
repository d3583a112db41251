#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Of libFuzzer, which -sanitize=fuzzer links. */
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*target)(const uint8_t *data, size_t size));
