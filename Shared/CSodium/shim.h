#ifndef SALLYPORT_CSODIUM_SHIM_H
#define SALLYPORT_CSODIUM_SHIM_H

#include <sodium/core.h>
#include <sodium/crypto_pwhash_argon2i.h>
#include <sodium/crypto_pwhash_argon2id.h>
#include <sodium/utils.h>

#endif
