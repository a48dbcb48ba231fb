# Gaps between primes, with a table at the end: julia examples/primes.jl [limit]
#
# Loads four packages of the standard library and has functions of its own, as many small scripts do.
using Dates
using Printf
using Random
using Statistics

"All primes up to `limit`, by the sieve of Eratosthenes."
function primes_up_to(limit)
    is_prime = trues(limit)
    is_prime[1] = false
    for candidate in 2:isqrt(limit)
        is_prime[candidate] || continue
        is_prime[candidate^2:candidate:limit] .= false
    end
    findall(is_prime)
end

"How often each gap between neighbours occurs, the most frequent first."
function gap_counts(primes)
    counts = Dict{Int,Int}()
    for gap in diff(primes)
        counts[gap] = get(counts, gap, 0) + 1
    end
    sort!(collect(counts), by = entry -> (-entry.second, entry.first))
end

"Whether `number` passes `rounds` of Fermat's test: true for every prime, false for nearly everything else."
function seems_prime(number, rounds, random)
    number > 3 || return number > 1
    all(1:rounds) do _
        powermod(rand(random, 2:number-2), number - 1, number) == 1
    end
end

function print_table(counts, total)
    println(" gap   count   share")
    for (gap, count) in counts
        @printf("%4d  %6d  %5.1f %%\n", gap, count, 100count / total)
    end
end

function main(arguments)
    limit = isempty(arguments) ? 100_000 : parse(Int, arguments[1])
    primes = primes_up_to(limit)
    gaps = diff(primes)
    @printf("%d primes up to %d; gaps: mean %.2f, median %.0f, largest %d\n",
        length(primes), limit, mean(gaps), median(gaps), maximum(gaps))
    print_table(gap_counts(primes)[1:5], length(gaps))
    sample = shuffle(MersenneTwister(13), primes)[1:10]
    println(count(number -> seems_prime(number, 5, MersenneTwister(number)), sample), " of 10 pass Fermat's test")
    println("2000-01-01 and as many days as there are primes: ", Date(2000) + Day(length(primes)))
    return 0
end

exit(main(ARGS))
