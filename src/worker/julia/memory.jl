# Memory arranged so that forking, running and ending a child is cheap. Both cost by the page: a booted Julia has some 40,000 private
# pages, three quarters of them the system image's relocated data. In huge pages they are a hundred entries instead.
# Everything here is an optimisation: where the kernel refuses, memory stays as it is.

const HUGE = UInt(2 << 20)
const HUGE_PAGES = Int(HUGE >> 12)
const MADV_HUGEPAGE = Cint(14)
const MADV_COLLAPSE = Cint(25)          # Linux 6.1

struct Mapping
    first::UInt
    last::UInt                          # exclusive
    from_file::Bool
end

# Private writable mappings that hold at least one huge page (proc_pid_maps(5)).
function large_mappings()
    found = Mapping[]
    for line in eachline("/proc/self/maps")
        words = split(line)
        words[2] == "rw-p" || continue
        range = split(words[1], '-')
        mapping = Mapping(parse(UInt, range[1], base = 16), parse(UInt, range[2], base = 16), words[5] != "0")
        name = length(words) > 5 ? words[6] : ""
        startswith(name, "[stack") || mapping.last - mapping.first < 2HUGE || push!(found, mapping)
    end
    found
end

# For each page of a mapping whether it is there (mincore(2)): most of some is address space that nothing lies in.
function present_pages(mapping::Mapping)
    size = mapping.last - mapping.first
    present = zeros(UInt8, div(size, 4096))
    ccall(:mincore, Cint, (UInt, UInt, Ptr{UInt8}), mapping.first, size, present) == 0 || fill!(present, 0)
    present
end
is_there(byte::UInt8) = byte & 1 != 0

function use_huge_pages()
    for mapping in large_mappings()
        if mapping.from_file
            replace_by_huge(mapping.first, mapping.last - mapping.first)
        else
            present = present_pages(mapping)
            # Of what is hardly used yet a child would get a huge page where it needs a small one.
            4count(is_there, present) > length(present) && prefer_huge_pages(mapping)
            foreach(collapse, filled(mapping, present))
        end
    end
    nothing
end

# Places for huge pages of which a quarter is there.
function filled(mapping::Mapping, present::Vector{UInt8})
    list, first = Mapping[], first_huge(mapping)
    while first + HUGE <= mapping.last
        offset = div(first - mapping.first, 4096)
        4count(i -> is_there(present[offset + i]), 1:HUGE_PAGES) >= HUGE_PAGES && add_page!(list, first)
        first += HUGE
    end
    list
end

# In a branch: what it shares with its zygote stays shared, and only huge pages that it has written to nearly everywhere are made again. So
# it takes the memory that it needs itself, and not as much as a booted Julia once more.
function use_own_huge_pages()
    own = Mapping[]
    find_own(own, SCATTERED)
    foreach(collapse, own)
end

# The others that it has written to, a range for each mapping. Mostly it has to a few pages of each, which make a fork of it copy, and
# the end of its child take back, some 70,000 entries.
const SCATTERED = Mapping[]

# Where there is room the successor of a branch makes these again as well. The kernel cannot while a process that had them too is
# about to let go of them (EAGAIN, madvise(2)): it is asked some more times, since in a loop processes end all the time. What is huge
# already stays as it is, so a call for all that lies between costs less than many: each waits for all processors.
function collapse_scattered()
    for _ in 1:COLLAPSING_TRIES
        left = 0
        for range in SCATTERED
            collapse(range) == EAGAIN && (SCATTERED[left += 1] = range)
        end
        resize!(SCATTERED, left)
        left == 0 && break
        poll(PollFd[], 20)
    end
    nothing
end
const COLLAPSING_TRIES = 20

# Huge pages that this process has written to: to more than three quarters of their pages; or to fewer, but most of them are there.
function find_own(mostly::Vector{Mapping}, partly::Vector{Mapping})
    pagemap = ccall(:open, Cint, (Cstring, Cint, Cint...), "/proc/self/pagemap", CLOEXEC, 0)
    pagemap < 0 && return
    entries = zeros(UInt64, HUGE_PAGES)
    for mapping in large_mappings()
        mapping.from_file || !any(is_there, present_pages(mapping)) || find_own(mostly, partly, mapping, pagemap, entries)
    end
    close_fd(pagemap)
    nothing
end

function find_own(mostly::Vector{Mapping}, partly::Vector{Mapping}, mapping::Mapping, pagemap::Cint, entries::Vector{UInt64})
    first = first_huge(mapping)
    from, to = mapping.last, first
    while first + HUGE <= mapping.last
        bytes = ccall(:pread, Cssize_t, (Cint, Ptr{UInt64}, Csize_t, Clong), pagemap, entries, sizeof(entries), first >> 12 << 3)
        own = bytes == sizeof(entries) ? count(is_own_page, entries) : 0
        if 4own > 3HUGE_PAGES
            add_page!(mostly, first)
        elseif own > 0 && 2count(is_present, entries) > HUGE_PAGES
            from, to = min(from, first), first + HUGE
        end
        first += HUGE
    end
    from < to && push!(partly, Mapping(from, to, false))
    nothing
end

# Those that lie side by side are one: each call to make them huge waits for all processors (`lru_add_drain_all`, mm/swap.c).
function add_page!(list::Vector{Mapping}, first::UInt)
    is_next = !isempty(list) && list[end].last == first
    push!(list, Mapping(is_next ? pop!(list).first : first, first + HUGE, false))
    nothing
end

# And mapped by this process alone (Linux's Documentation/admin-guide/mm/pagemap.rst).
is_own_page(entry::UInt64) = is_present(entry) && entry >> 56 & 1 == 1
is_present(entry::UInt64) = entry >> 63 & 1 == 1

# Pages of a private file mapping cannot be collapsed: they are copied into an anonymous one, which then takes their place.
# Between the copy and the move nothing may write there: no allocation, no call but these two.
function replace_by_huge(start::UInt, size::UInt)
    space = ccall(:mmap, UInt, (UInt, UInt, Cint, Cint, Cint, Clong), 0, size + HUGE, 3, 0x22, -1, 0)     # PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS
    space == typemax(UInt) && return
    target = space + mod(start - space, HUGE)                          # the same place within a huge page
    ccall(:madvise, Cint, (UInt, UInt, Cint), target, size, MADV_HUGEPAGE)
    target > space && ccall(:munmap, Cint, (UInt, UInt), space, target - space)
    rest = space + size + HUGE - (target + size)
    rest > 0 && ccall(:munmap, Cint, (UInt, UInt), target + size, rest)
    copy_and_move(target, start, size)
    nothing
end

@noinline function copy_and_move(target::UInt, start::UInt, size::UInt)
    ccall(:memcpy, Ptr{Cvoid}, (UInt, UInt, UInt), target, start, size)
    ccall(:mremap, UInt, (UInt, UInt, UInt, Cint, UInt), target, size, size, 3, start)                     # MREMAP_MAYMOVE | MREMAP_FIXED
end

first_huge(mapping::Mapping) = (mapping.first + HUGE - 1) & ~(HUGE - 1)

# A call that tells the kernel nothing for later, so that the mapping stays one: each costs a fork and an end some microseconds.
function collapse(mapping::Mapping)
    first, last = first_huge(mapping), mapping.last & ~(HUGE - 1)
    ccall(:madvise, Cint, (UInt, UInt, Cint), first, last - first, MADV_COLLAPSE) == 0 ? Cint(0) : Base.Libc.errno()
end

# Where the kernel cannot make them at once it makes them in time.
prefer_huge_pages(mapping::Mapping) =
    ccall(:madvise, Cint, (UInt, UInt, Cint), mapping.first, mapping.last - mapping.first, MADV_HUGEPAGE)

# Links the two calls of copy_and_move, on memory of our own, so that the real one resolves nothing.
function prepare_huge_pages()
    one, other = [ccall(:mmap, UInt, (UInt, UInt, Cint, Cint, Cint, Clong), 0, 4096, 3, 0x22, -1, 0) for _ in 1:2]
    copy_and_move(one, other, UInt(4096))
    ccall(:munmap, Cint, (UInt, UInt), other, 4096)
    nothing
end

# ---- free memory ----
# What is free after a boot lies scattered: a child that allocates a hundred small things would write to a hundred pages of
# its parent's, each copied first. So the parent takes all that is free and never gives it back; what its children get is new,
# and lies side by side. What it has taken is part of the huge pages that are made afterwards.

# Taken at most, in bytes: where memory is managed in another way than here, no more than this is wasted.
const MOST_TAKEN = 64 << 20

function use_up_free_memory()
    use_up_heap()
    before = collecting(false)                                         # what it frees meanwhile would stay free
    use_up_pools()
    collecting(before)
    nothing
end

# Sizes of the C library's bins, largest first (malloc/malloc.c of glibc).
const HEAP_SIZES = vcat([1 << n for n in 20:-1:11], 2032:-16:24)

function use_up_heap()
    top = heap_top()
    top == 0 && return
    taken = 0
    for size in HEAP_SIZES
        taken += take_below(top, size, MOST_TAKEN - taken)
    end
    nothing
end

# Bytes taken.
function take_below(top::UInt, size::Int, most::Int)
    taken = 0
    while taken < most
        block = ccall(:malloc, UInt, (Csize_t,), size)
        block == 0 && break
        if block >= top
            ccall(:free, Cvoid, (UInt,), block)
            break
        end
        taken += size
    end
    taken
end

# Where the heap's last free block starts, 0 where that is not to be learnt (mallinfo(3)).
function heap_top()
    ccall(:dlsym, Ptr{Cvoid}, (Ptr{Cvoid}, Cstring), C_NULL, "mallinfo2") == C_NULL && return UInt(0)     # glibc 2.33
    info = ccall(:mallinfo2, NTuple{10,Csize_t}, ())
    ccall(:sbrk, UInt, (Clong,), 0) - info[10]
end

# What was taken from the pools. As garbage each child's first collection would free it again, and write to all of it.
const TAKEN = String[]
const TAKEN_WORDS = Base.RefValue{UInt}[]

# Words, and strings of each size that Julia's collector keeps in pools, until one comes from a page in which nothing has been yet. All pages
# with free places are written to by each child's first collection, too, which links them one to the next (`gc_sweep_page`, src/gc.c).
function use_up_pools()
    taken = 0
    while taken < MOST_TAKEN ÷ 4
        push!(TAKEN_WORDS, Ref(UInt(0)))                               # no string is as small
        taken += 16
        is_in_new_page(UInt(pointer_from_objref(TAKEN_WORDS[end])) + 8) && break
    end
    taken = 0
    for size in 8:16:2032 - 16
        while taken < MOST_TAKEN
            push!(TAKEN, new_string(size))
            taken += size + 16
            is_in_new_page(TAKEN[end]) && break
        end
    end
    nothing
end

# Whether nothing but zeros follows within the same page of memory. Where hardly anything follows that says nothing.
function is_in_new_page(string::String)
    GC.@preserve string is_in_new_page(UInt(pointer(string)) + sizeof(string) + 8)
end

function is_in_new_page(place::UInt)
    last = (place | 4095) - 7
    place = (place + 7) & ~UInt(7)
    place + 1024 <= last || return false
    while place <= last
        unsafe_load(Ptr{UInt64}(place)) == 0 || return false
        place += 8
    end
    true
end
