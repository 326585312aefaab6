"""Names of the guest's addresses, and what its files say of its code."""

from frontend.symbols.code import CodeSegment
from frontend.symbols.elf_names import is_i386, text_address
from frontend.symbols.kernel_image import read_kernel
from frontend.symbols.loading import Loading, load_file
from frontend.symbols.names import Symbols, file_and_offset, is_elf, read_names
from frontend.symbols.symbol import Symbol, SymbolError
from frontend.symbols.symbol_file import SymbolFile

__all__ = [
    "CodeSegment",
    "Loading",
    "Symbol",
    "SymbolError",
    "SymbolFile",
    "Symbols",
    "file_and_offset",
    "is_elf",
    "is_i386",
    "load_file",
    "read_kernel",
    "read_names",
    "text_address",
]
