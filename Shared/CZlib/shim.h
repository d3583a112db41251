#ifndef SALLYPORT_CZLIB_SHIM_H
#define SALLYPORT_CZLIB_SHIM_H

#include <zlib.h>

#endif
