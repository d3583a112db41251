#ifndef SALLYPORT_COPENSSL_SHIM_H
#define SALLYPORT_COPENSSL_SHIM_H

// Hides every call that OpenSSL 3.0 deprecates, so that none can be used by mistake.
#define OPENSSL_API_COMPAT 30000
#define OPENSSL_NO_DEPRECATED

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/// Which parts of a key an operation is about; the macros combine other macros, which Swift does not import.
static const int sallyport_whole_key = EVP_PKEY_KEYPAIR;
static const int sallyport_public_key = EVP_PKEY_PUBLIC_KEY;

/// Names that an `OSSL_PARAM` points to, so they must not be temporary, or whose macros Swift does not import.
static const char *const sallyport_mac_digest = OSSL_MAC_PARAM_DIGEST;
static const char *const sallyport_rsa_factor1 = OSSL_PKEY_PARAM_RSA_FACTOR1;
static const char *const sallyport_rsa_factor2 = OSSL_PKEY_PARAM_RSA_FACTOR2;
static const char *const sallyport_rsa_exponent1 = OSSL_PKEY_PARAM_RSA_EXPONENT1;
static const char *const sallyport_rsa_exponent2 = OSSL_PKEY_PARAM_RSA_EXPONENT2;
static const char *const sallyport_rsa_coefficient1 = OSSL_PKEY_PARAM_RSA_COEFFICIENT1;

/// Frees what libcrypto allocated; `OPENSSL_free` is a macro.
static inline void sallyport_openssl_free(void *pointer) {
    OPENSSL_free(pointer);
}

/// Bytes held by a memory BIO; `BIO_get_mem_data` is a macro. The pointer belongs to the BIO.
static inline long sallyport_bio_bytes(BIO *bio, char **bytes) {
    return BIO_get_mem_data(bio, bytes);
}

/// A password callback that has no password. Without one libcrypto would ask on the terminal.
static inline int sallyport_no_password(char *buffer, int size, int writing, void *context) {
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

/// Refuses to decrypt instead of asking for a password.
static inline int sallyport_decoder_refuse_passwords(OSSL_DECODER_CTX *context) {
    return OSSL_DECODER_CTX_set_pem_password_cb(context, sallyport_no_password, NULL);
}

#endif
